/**
 * The life of a proxied call, in steps: receive → identify → check → admit → book → send → pass on.
 *
 * Source: docs/protocol.md, "Routes".
 */
import type { Context } from "hono";
import type { Accounts, Admitted } from "../accounts/accounts.ts";
import type { Identity } from "../auth/authenticate.ts";
import type { Booking, Bookkeeper, Ending } from "../books/booking.ts";
import type { Bytes } from "../bytes/encodings.ts";
import type { Config } from "../config.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { pathAndQueryOf } from "../http/function_path.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { storable } from "../metering/usage.ts";
import {
  forward,
  isUnconnected,
  refusesKey,
  type Upstream,
  wholeJob,
} from "../openrouter/forward.ts";
import { requestHeaders } from "../openrouter/headers.ts";
import { type Endpoint, endpointOf, isForbidden, ownedGenerationOf } from "../policy/endpoints.ts";
import { proxyTarget, type Target, upstreamUrl } from "../policy/paths.ts";
import { type CallBody, readCallBody, withUsageIncluded } from "../policy/request_body.ts";
import { clientAnswer } from "./answer.ts";
import { idempotencyOf } from "./idempotency.ts";
import type { Identified, Identify } from "./identify.ts";
import { type ServerTiming, serverTiming } from "./server_timing.ts";

export interface ProxyDeps {
  config: Pick<
    Config,
    | "openrouterUrl"
    | "httpReferer"
    | "xTitle"
    | "upstreamHeadersTimeoutMs"
    | "upstreamIdleTimeoutMs"
  >;
  identify: Identify;
  accounts: Accounts;
  bookkeeper: Bookkeeper;
  /** For OpenRouter; it must not send a body twice (http/send_once.ts). */
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
}

/** A call as it came, its path checked. */
interface Received {
  c: Context<RequestEnv>;
  requestId: string;
  method: string;
  target: Target;
  /** Where it goes. */
  url: string;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
  timing: ServerTiming;
}

/** What the caller wants, as far as it may want that. */
interface Order {
  endpoint: Endpoint;
  body: Bytes;
  /** Null where the endpoint's body is not read. */
  json: CallBody | null;
  model: string | null;
  /** The generation or job that must be the caller's own. */
  ownedGeneration: string | null;
  idempotency: { key: string; bodyHash: string } | null;
}

const SETTLED_SOON_MS = 1_000;
const NEVER = new AbortController().signal;

/** Makes the handler of `/api/v1/openrouter/*`. */
export function createProxy(deps: ProxyDeps): (c: Context<RequestEnv>) => Promise<Response> {
  const { config, identify, accounts, bookkeeper, fetch, now, sleep } = deps;

  /** @throws {GatewayError} invalid_request */
  function receive(c: Context<RequestEnv>): Received {
    const { method, url, signal } = c.req.raw;
    const target = proxyTarget(pathAndQueryOf(url));
    return {
      c,
      requestId: c.get("requestId"),
      method,
      target,
      url: upstreamUrl(config.openrouterUrl, target),
      // Deno 2.1.4 tells of a hang-up only if the signal was asked for before it.
      clientGone: signal,
      timing: serverTiming(now),
    };
  }

  /**
   * Who calls, for what they may call. What a token's holder may not have is refused before any of
   * the body is received; a signature says nothing until the body is there.
   *
   * @throws {GatewayError} path_forbidden, and what identify and its receive throw
   */
  async function identifyFor({ c, method, target }: Received): Promise<Identified> {
    function checkPath() {
      if (!isForbidden(method, target.path)) return;
      throw new GatewayError("path_forbidden", `${target.path} is not for the keys of users`);
    }
    const sender = await identify(c);
    if (sender.identity !== null) checkPath();
    const identified = await sender.receive();
    if (sender.identity === null) checkPath();
    return identified;
  }

  /** @throws {GatewayError} invalid_request */
  async function check({ c, method, target }: Received, { body }: Identified): Promise<Order> {
    const endpoint = endpointOf(method, target.path);
    const json = endpoint.jsonBody ? readCallBody(body) : null;
    const isCall = endpoint.books === "call";
    return {
      endpoint,
      body,
      json,
      model: json?.model ? storable(json.model) : null,
      ownedGeneration: ownedGenerationOf(target.path, target.search),
      idempotency: isCall ? await idempotencyOf(c.req.raw.headers, body) : null,
    };
  }

  /** Leave to go on, from the caller's account; a call that costs has its pending row then. */
  async function admit(call: Received, identity: Identity, order: Order): Promise<Admitted> {
    const { requestId, method, target } = call;
    const isCall = order.endpoint.books === "call";
    try {
      return await accounts.admit({
        requestId,
        did: identity.did,
        method,
        endpoint: storable(target.path),
        metered: isCall,
        model: order.model,
        streaming: order.json?.streaming ?? false,
        replay: isRead(method) ? null : identity.replay,
        tokenIssuedAt: identity.tokenIssuedAt,
        ownedGenerations: order.ownedGeneration === null ? [] : [order.ownedGeneration],
        sharedFeatures: [],
        idempotency: order.idempotency,
      });
    } catch (error) {
      // Postgres may have booked the call all the same: its answer may be what got lost.
      const isLost = error instanceof GatewayError && error.type === "store_unavailable";
      if (isLost && isCall) bookkeeper.withdraw(requestId);
      throw error;
    }
  }

  /** What is to end when the call ends; null where nothing is booked. */
  function book(
    { c, requestId }: Received,
    { did }: Identity,
    { endpoint, model, ownedGeneration }: Order,
    { requestTime }: Admitted,
  ): Booking | null {
    if (endpoint.books === "job" && ownedGeneration !== null) {
      return bookkeeper.openJob({ did, jobId: ownedGeneration });
    }
    if (endpoint.books !== "call") return null;
    c.set("booked", true);
    return bookkeeper.openCall({
      requestId,
      requestTime,
      did,
      route: c.req.path,
      model,
      beginsJob: endpoint.beginsJob,
      receivedAt: c.get("receivedAt"),
    });
  }

  /** Sends the call with the DID's key, and once more with another one if OpenRouter knows it no longer. */
  async function send(
    call: Received,
    { did }: Identity,
    order: Order,
    admitted: Admitted,
    sending: { isSent: boolean },
  ): Promise<{ upstream: Upstream; apiKey: string | null }> {
    const { c, url, method, clientGone } = call;
    const { key } = admitted;
    const { endpoint, json } = order;
    const included = endpoint.includeUsage && json
      ? withUsageIncluded(order.body, json)
      : order.body;
    const body = isRead(method) ? null : included;

    function attempt(apiKey: string | null): Promise<Upstream> {
      if (clientGone.aborted) throw new ClientDisconnected();
      sending.isSent = true;
      const headers = requestHeaders(c.req.raw.headers, apiKey, config);
      // A job costs whether or not its client stays to hear its name.
      const abort = endpoint.beginsJob ? NEVER : clientGone;
      const outgoing = { url, method, headers, body };
      return forward(outgoing, abort, config.upstreamHeadersTimeoutMs, fetch);
    }

    const apiKey = key === null ? withoutKey(call, order) : await accounts.openKey(did, key);
    const upstream = await attempt(apiKey);
    if (key === null || !refusesKey(upstream)) return { upstream, apiKey };
    // Nothing was billed, and the body is still here: the same request goes on with another key.
    sending.isSent = false;
    const another = await accounts.replaceKey(did, key);
    if (another === null) return { upstream, apiKey };
    return { upstream: await attempt(another), apiKey: another };
  }

  /** What was not billed may be sent again at once, which is for Postgres to know first. */
  async function settledSoon(order: Order, booking: Booking | null): Promise<void> {
    if (order.idempotency !== null) await Promise.race([booking?.settled, sleep(SETTLED_SOON_MS)]);
  }

  async function passOn(
    { clientGone, timing }: Received,
    order: Order,
    { upstream, apiKey }: { upstream: Upstream; apiKey: string | null },
    booking: Booking | null,
  ): Promise<Response> {
    const { beginsJob } = order.endpoint;
    const idleTimeoutMs = config.upstreamIdleTimeoutMs;
    const answer = beginsJob ? await wholeJob(upstream, idleTimeoutMs) : upstream;
    // The booking asks OpenRouter for costs with the key: without one, nothing is booked.
    const response = clientAnswer(answer, apiKey ?? "", booking, idleTimeoutMs, clientGone);
    response.headers.append("server-timing", timing.header());
    if (response.status >= 300) await settledSoon(order, booking);
    // The owner of a job may ask for it at once, which is for Postgres to know first as well.
    else if (beginsJob && answer.body instanceof Uint8Array) await booking?.settled;
    return response;
  }

  return async (c) => {
    const call = receive(c);
    using identified = await identifyFor(call);
    const { identity } = identified;
    const order = await check(call, identified);
    call.timing.mark("auth");
    const admitted = await admit(call, identity, order);
    const booking = book(call, identity, order, admitted);
    call.timing.mark("admit");
    const sending = { isSent: false };
    try {
      const sent = await send(call, identity, order, admitted, sending);
      call.timing.mark("upstream");
      return await passOn(call, order, sent, booking);
    } catch (error) {
      booking?.end(endingOf(error as Error, sending.isSent));
      await settledSoon(order, booking);
      throw error;
    }
  };
}

/**
 * With what a DID's free request goes to OpenRouter that has no key yet: with none.
 *
 * @throws {GatewayError} not_found where the request is about the key, or about what it was used for
 */
function withoutKey({ target }: Received, { ownedGeneration }: Order): null {
  if (ownedGeneration === null && !/^\/key\/?$/i.test(target.path)) return null;
  throw new GatewayError(
    "not_found",
    "this DID has no OpenRouter key yet: its first call that may cost makes one",
  );
}

/** How a call ends that has no answer. */
function endingOf(error: Error, isSent: boolean): Ending {
  if (error instanceof ClientDisconnected) {
    return { kind: "client_disconnected", neverSent: !isSent };
  }
  return { kind: isSent && !isUnconnected(error) ? "broken" : "not_sent", error };
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
