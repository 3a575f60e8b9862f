/**
 * The gateway: its routes, and the life of a proxied request from top to bottom,
 * authenticate → admit → forward → meter → settle.
 *
 * Source: protocol.md, "Routes".
 */
import { type Context, Hono } from "hono";
import { createAccounts, tokenRevoked } from "./accounts/accounts.ts";
import { createKeyVault } from "./accounts/key_vault.ts";
import { createAuthenticator } from "./auth/authenticate.ts";
import type { Config } from "./config.ts";
import { ClientDisconnected, errorResponse, GatewayError } from "./errors.ts";
import { crossOrigin } from "./http/cross_origin.ts";
import { pathAndQueryOf } from "./http/function_path.ts";
import { idempotencyOf } from "./call/idempotency.ts";
import { BODY_BUDGET_BYTES, requestBytes } from "./http/request_bytes.ts";
import { type Log, type RequestEnv, requestLog } from "./http/request_log.ts";
import { serverTiming } from "./call/server_timing.ts";
import { wellFormedHost } from "./http/well_formed_host.ts";
import { memoryBudget, type MemoryShare } from "./bytes/memory_budget.ts";
import { clientAnswer } from "./call/answer.ts";
import { type Booking, createBookkeeper } from "./books/booking.ts";
import { createGenerationReader } from "./books/generation.ts";
import { storable } from "./metering/usage.ts";
import { endpointOf, isForbidden, ownedGenerationOf } from "./policy/endpoints.ts";
import { forward, isUnconnected, refusesKey, wholeJob } from "./openrouter/forward.ts";
import { requestHeaders } from "./openrouter/headers.ts";
import { createManagement } from "./openrouter/management.ts";
import { proxyTarget, upstreamUrl } from "./policy/paths.ts";
import { readCallBody, withUsageIncluded } from "./policy/request_body.ts";
import type { Store } from "./store.ts";
import { usageReport } from "./usage/usage_report.ts";
import { VERSION } from "./version.ts";

export interface GatewayDeps {
  config: Config;
  store: Store;
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: Log;
}

type RequestContext = Context<RequestEnv>;

const SETTLED_SOON_MS = 1_000;
const NEVER = new AbortController().signal;
const PROXIED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export interface Gateway {
  /** The handler that `Deno.serve` takes. */
  fetch(request: Request): Promise<Response>;
  /** Books what is under way as it stands, because the runtime is ending this worker. */
  retire(reason: string): void;
}

/** Joins the parts to a gateway; nothing is asked of anybody until a request comes. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { config, store, fetch, now, sleep } = deps;
  const { openrouterUrl, usdPerCredit, upstreamHeadersTimeoutMs, upstreamIdleTimeoutMs } = config;
  const authenticate = createAuthenticator({ ...config, now, fetch });
  const vault = createKeyVault(config.encryptionKey, config.previousEncryptionKey);
  const management = createManagement(openrouterUrl, config.provisioningKey, fetch);
  const accounts = createAccounts({ ...deps, management, vault });
  const generations = createGenerationReader(openrouterUrl, fetch, sleep);
  const openShare = memoryBudget(Math.max(BODY_BUDGET_BYTES, config.maxRequestBytes));
  const bookkeeper = createBookkeeper({ ...deps, generations, usdPerCredit });

  /** Verifies who sends a request. The signature covers the body, so it is read for that, and kept. */
  async function authenticated(c: RequestContext, share: MemoryShare) {
    const { method, url, headers } = c.req.raw;
    const body = await requestBytes(c.req.raw, config.maxRequestBytes, share);
    const identity = await authenticate({
      method,
      pathAndQuery: pathAndQueryOf(url),
      headers,
      body,
    });
    c.set("did", identity.did);
    return { ...identity, body };
  }

  async function proxy(c: RequestContext): Promise<Response> {
    const { raw: request } = c.req;
    // Deno 2.1.4 tells of a hang-up only if the signal was asked for before it.
    const { method, signal: clientGone } = request;
    const reads = method === "GET" || method === "HEAD";
    const timing = serverTiming(now);

    const target = proxyTarget(pathAndQueryOf(request.url));
    const url = upstreamUrl(openrouterUrl, target);
    using share = openShare();
    const { did, replay, tokenIssuedAt, body } = await authenticated(c, share);
    if (isForbidden(method, target.path)) {
      throw new GatewayError("path_forbidden", `${target.path} is not for the keys of users`);
    }
    const endpoint = endpointOf(method, target.path);
    const call = endpoint.jsonBody ? readCallBody(body) : null;
    timing.mark("auth");

    const requestId = c.get("requestId");
    const model = call?.model ? storable(call.model) : null;
    const ownedGeneration = ownedGenerationOf(target.path, target.search);
    const idempotency = endpoint.books === "call"
      ? await idempotencyOf(request.headers, body)
      : null;
    const admission = accounts.admit({
      requestId,
      did,
      method,
      endpoint: storable(target.path),
      metered: endpoint.books === "call",
      model,
      streaming: call?.streaming ?? false,
      replay: reads ? null : replay,
      tokenIssuedAt,
      ownedGeneration,
      idempotency,
    });
    const admitted = await admission.catch((error) => {
      // Postgres may have booked the call all the same: its answer may be what got lost.
      const isLost = error instanceof GatewayError && error.type === "store_unavailable";
      if (isLost && endpoint.books === "call") bookkeeper.withdraw(requestId);
      throw error;
    });
    let booking: Booking | null = null;
    if (endpoint.books === "call") {
      booking = bookkeeper.openCall({
        requestId,
        requestTime: admitted.requestTime,
        did,
        route: c.req.path,
        model,
        beginsJob: endpoint.beginsJob,
        receivedAt: c.get("receivedAt"),
      });
      c.set("booked", true);
    } else if (endpoint.books === "job" && ownedGeneration !== null) {
      booking = bookkeeper.openJob({ did, jobId: ownedGeneration });
    }
    timing.mark("admit");

    /** What was not billed may be sent again at once, which is for Postgres to know first. */
    async function settledSoon() {
      if (idempotency !== null) await Promise.race([booking?.settled, sleep(SETTLED_SOON_MS)]);
    }

    let isSent = false;
    try {
      const sent = reads
        ? null
        : endpoint.includeUsage && call
        ? withUsageIncluded(body, call)
        : body;
      const send = (apiKey: string) => {
        if (clientGone.aborted) throw new ClientDisconnected();
        isSent = true;
        const headers = requestHeaders(request.headers, apiKey, config);
        const outgoing = { url, method, headers, body: sent };
        // A job costs whether or not its client stays to hear its name.
        const abort = endpoint.beginsJob ? NEVER : clientGone;
        return forward(outgoing, abort, upstreamHeadersTimeoutMs, fetch);
      };
      let apiKey = await accounts.openKey(did, admitted);
      let upstream = await send(apiKey);
      if (refusesKey(upstream)) {
        // Nothing was billed, and the body is still here: the same request goes on with another key.
        isSent = false;
        const another = await accounts.replaceKey(did, admitted);
        if (another !== null) {
          apiKey = another;
          upstream = await send(apiKey);
        }
      }
      timing.mark("upstream");
      if (endpoint.beginsJob) upstream = await wholeJob(upstream, upstreamIdleTimeoutMs);
      const response = clientAnswer(
        upstream,
        apiKey,
        booking,
        upstreamIdleTimeoutMs,
        clientGone,
      );
      response.headers.append("server-timing", timing.header());
      if (response.status >= 300) await settledSoon();
      // The owner of a job may ask for it at once, which is for Postgres to know first as well.
      else if (endpoint.beginsJob && upstream.body instanceof Uint8Array) await booking?.settled;
      return response;
    } catch (error) {
      booking?.end(
        error instanceof ClientDisconnected
          ? { kind: "client_disconnected", neverSent: !isSent }
          : {
            kind: isSent && !isUnconnected(error) ? "broken" : "not_sent",
            error: error as Error,
          },
      );
      await settledSoon();
      throw error;
    }
  }

  async function usage(c: RequestContext): Promise<Response> {
    using share = openShare();
    const { did, tokenIssuedAt } = await authenticated(c, share);
    const [isRevoked, data] = await Promise.all([
      tokenIssuedAt !== null && store.tokenIsRevoked(did, tokenIssuedAt),
      usageReport(did, new URL(c.req.raw.url).searchParams, store),
    ]);
    if (isRevoked) throw tokenRevoked();
    return c.body(`{"success":true,"data":${data}}`, 200, { "content-type": "application/json" });
  }

  async function health(c: RequestContext): Promise<Response> {
    if (c.req.query("deep") === "1") await store.ping();
    const data = { status: "healthy", version: VERSION, timestamp: new Date(now()).toISOString() };
    return c.json({ success: true, data });
  }

  const app = new Hono<RequestEnv>({
    getPath: (request) => pathAndQueryOf(request.url).replace(/\?.*$/s, ""),
  });
  function route(
    methods: string[],
    path: string,
    handler: (c: RequestContext) => Promise<Response>,
  ) {
    app.on(methods, path, handler);
    app.all(path, (c) => {
      throw new GatewayError(
        "method_not_allowed",
        `${c.req.method} is not for ${path}`,
        { headers: { allow: methods.join(", ") } },
      );
    });
  }

  app.use(requestLog(now, deps.log), crossOrigin(config.allowedOrigins), wellFormedHost);
  route(["GET"], "/", health);
  route(["GET"], "/api/v1/health", health);
  route(["GET"], "/api/v1/usage", usage);
  route(PROXIED_METHODS, "/api/v1/openrouter/*", proxy);
  app.notFound((c) => {
    throw new GatewayError("not_found", `${c.req.path} is no route of the gateway`);
  });
  app.onError((error, c) =>
    error instanceof ClientDisconnected
      ? c.body(null, 499 as never)
      : errorResponse(error, c.get("requestId"))
  );
  return { fetch: async (request) => await app.fetch(request), retire: bookkeeper.retire };
}
