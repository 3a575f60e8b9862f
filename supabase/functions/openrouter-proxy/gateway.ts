/**
 * The gateway: its routes, a line each, and the parts that it is joined of.
 *
 * Source: docs/protocol.md, "Routes".
 */
import { type Context, Hono } from "hono";
import { createAccounts } from "./accounts/accounts.ts";
import { createEncryptionKeys } from "./accounts/encryption_keys_route.ts";
import { createKeyVault } from "./accounts/key_vault.ts";
import { createPseudonyms } from "./accounts/pseudonym.ts";
import { createAuthenticator } from "./auth/authenticate.ts";
import { createAlertDelivery } from "./books/alerts/delivery.ts";
import { createBookkeeper } from "./books/booking.ts";
import { createGenerationReader } from "./books/generation.ts";
import { assembleMaintenance } from "./books/maintenance/assemble.ts";
import { createMaintenanceRoute } from "./books/maintenance/route.ts";
import { createSweep } from "./books/maintenance/sweep.ts";
import { createIdentify } from "./call/identify.ts";
import { createProxy } from "./call/proxied_call.ts";
import type { Config } from "./config/config.ts";
import { ClientDisconnected, errorResponse, GatewayError } from "./errors.ts";
import { bodiesUnderWay } from "./http/bodies_under_way.ts";
import { bodyLimits } from "./http/body_limits.ts";
import { closeUnread } from "./http/close_unread.ts";
import { crossOrigin } from "./http/cross_origin.ts";
import { pathAndQueryOf } from "./http/function_path.ts";
import { createHealth } from "./http/health.ts";
import { noStore } from "./http/no_store.ts";
import { createRequireOperator } from "./http/operator.ts";
import { tellLimits } from "./http/rate_limited.ts";
import { createRates } from "./http/rates.ts";
import { type RequestEnv, requestLog } from "./http/request_log.ts";
import { unknownRoute } from "./http/unknown_route.ts";
import { wellFormedHost } from "./http/well_formed_host.ts";
import type { Log } from "./log/log.ts";
import { createOpenApi } from "./openapi/openapi_route.ts";
import { createManagement } from "./openrouter/management.ts";
import { createKeyCheck } from "./openrouter/management_key.ts";
import { createCatalogue } from "./policy/catalogue.ts";
import type { Store } from "./store/store.ts";
import { createLimits } from "./usage/limits_route.ts";
import { createUsageRequest, createUsageRequests } from "./usage/requests_route.ts";
import { createTokenSigner } from "./usage/supabase_token.ts";
import { createToken } from "./usage/token_route.ts";
import { createUsage } from "./usage/usage_route.ts";

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

type Handler = (c: Context<RequestEnv>) => Promise<Response>;

const PROXIED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export interface Gateway {
  /** The handler that `Deno.serve` takes. */
  fetch(request: Request): Promise<Response>;
  /** Books what is under way as it stands, because the runtime is ending this worker. */
  retire(reason: string): void;
}

/** Joins the parts to a gateway; nothing is asked of anybody until a request comes. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { config, store, fetch, now, sleep, waitUntil, log } = deps;
  const { audience, didWebHosts, openrouterUrl, usdPerCredit } = config;
  const { maxTokenLifetimeSeconds, maxWalletSessionSeconds } = config;
  const authenticate = createAuthenticator({
    audience,
    maxTokenLifetimeSeconds,
    maxWalletSessionSeconds,
    didWebHosts,
    now,
    fetch,
  });
  const vault = createKeyVault(config.encryptionKey, config.previousEncryptionKey);
  const { provisioningKey, workspaceId, guardrailId } = config;
  const management = createManagement(
    openrouterUrl,
    provisioningKey,
    fetch,
    workspaceId,
    usdPerCredit,
  );
  const { alertWebhookUrl: url, alertWebhookSecret: secret } = config;
  const alerts = createAlertDelivery({ store, fetch, url, secret, waitUntil, log });
  const accounts = createAccounts({
    store,
    management,
    vault,
    guardrailId,
    now,
    sleep,
    onAlert: alerts.soon,
    log,
  });
  const catalogue = createCatalogue({ openrouterUrl, fetch, now, sleep, waitUntil, log });
  const generations = createGenerationReader(openrouterUrl, provisioningKey, fetch, sleep);
  const sweep = createSweep({ store, alerts, now, waitUntil });
  const bookkeeper = createBookkeeper({
    store: {
      ...store,
      async settle(settlement) {
        const settled = await store.settle(settlement);
        if (settled.isAlerted) alerts.soon();
        sweep();
        return settled;
      },
    },
    generations,
    usdPerCredit,
    now,
    sleep,
    waitUntil,
    log,
  });
  const { maxRequestBytes } = config;
  const bodies = bodiesUnderWay(bodyLimits(maxRequestBytes), {
    now: () => performance.now(),
    sleep,
  });
  const rates = createRates(config.readsPerMinute, now);
  const identify = createIdentify(authenticate, maxRequestBytes, bodies, rates);
  const proxy = createProxy({
    config,
    identify,
    accounts,
    catalogue,
    pseudonymOf: createPseudonyms(config.encryptionKey, config.previousEncryptionKey),
    bookkeeper,
    fetch,
    now,
    sleep,
    waitUntil,
  });
  const { jwtKey } = config;
  const signToken = jwtKey && createTokenSigner(jwtKey, audience, now);
  const health = createHealth({
    store,
    managementKey: createKeyCheck(openrouterUrl, provisioningKey, fetch, now),
    region: config.region,
    now,
    elapsedMs: () => performance.now(),
  });
  const requireOperator = createRequireOperator(config.operatorKeys);
  const maintenance = createMaintenanceRoute(
    requireOperator,
    assembleMaintenance({
      store,
      management,
      vault,
      openrouterUrl,
      provisioningKey,
      usdPerCredit,
      alerts,
      fetch,
      now,
      sleep,
      log,
    }),
    waitUntil,
  );

  const app = new Hono<RequestEnv>({
    getPath: (request) => pathAndQueryOf(request.url).replace(/\?.*$/s, ""),
  });
  const routes: string[] = [];
  function nowhere(c: Context<RequestEnv>): never {
    throw unknownRoute(c.req.method, c.req.path, routes);
  }
  function route(methods: string[], path: string, handler: Handler) {
    routes.push(path);
    app.on(methods, path, handler);
    app.all(path, (c) => {
      throw new GatewayError(
        "method_not_allowed",
        `${c.req.method} is not for ${path}`,
        { headers: { allow: methods.join(", ") } },
      );
    });
  }

  app.use(requestLog(now, log), closeUnread, crossOrigin(config.allowedOrigins), wellFormedHost);
  app.use(noStore, tellLimits, rates.countRefusals);
  route(["GET"], "/", health);
  route(["GET"], "/api/v1/health", health);
  route(["GET"], "/api/v1/usage", createUsage(identify, store));
  route(["GET"], "/api/v1/usage/requests", createUsageRequests(identify, store));
  route(["GET"], "/api/v1/usage/requests/:id", createUsageRequest(identify, store));
  route(["GET"], "/api/v1/limits", createLimits(identify, store));
  route(["POST"], "/api/v1/token", createToken(identify, store, signToken));
  route(["POST"], "/api/v1/maintenance", maintenance);
  route(["GET"], "/api/v1/encryption-keys", createEncryptionKeys(requireOperator, vault));
  route(["GET"], "/api/v1/openapi.json", createOpenApi(audience));
  app.on("ALL", ["/api/v1/openrouter", "/api/v1/openrouter/"], nowhere);
  route(PROXIED_METHODS, "/api/v1/openrouter/*", proxy);
  app.notFound(nowhere);
  app.onError((error, c) =>
    error instanceof ClientDisconnected
      ? c.body(null, 499 as never)
      : errorResponse(error, c.get("requestId"))
  );
  return { fetch: async (request) => await app.fetch(request), retire: bookkeeper.retire };
}
