/**
 * The gateway: its routes, a line each.
 *
 * Source: docs/protocol.md, "Routes".
 */
import { type Context, Hono } from "hono";
import { ClientDisconnected, errorResponse, GatewayError } from "./errors.ts";
import { closeUnread } from "./http/close_unread.ts";
import { crossOrigin } from "./http/cross_origin.ts";
import { pathAndQueryOf } from "./http/function_path.ts";
import { headAnswer } from "./http/head_answer.ts";
import { noStore } from "./http/no_store.ts";
import { onAnswer } from "./http/on_answer.ts";
import { tellLimits } from "./http/rate_limited.ts";
import { type Handler, type RequestEnv, requestLog } from "./http/request_log.ts";
import { wellFormedHost } from "./http/well_formed_host.ts";
import { createOpenApi } from "./openapi/openapi_route.ts";
import { createParts, type GatewayDeps } from "./parts.ts";
import { unknownRoute } from "./policy/unknown_route.ts";
import { createLimits } from "./usage/limits_route.ts";
import { createUsageRequest, createUsageRequests } from "./usage/requests_route.ts";
import { createToken } from "./usage/token_route.ts";
import { createUsage } from "./usage/usage_route.ts";

const PROXIED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export interface Gateway {
  /** The handler that `Deno.serve` takes. */
  fetch(request: Request): Promise<Response>;
  /** Books what is under way as it stands, because the runtime is ending this worker. */
  retire(reason: string): void;
}

/** Joins the parts to a gateway; nothing is asked of anybody until a request comes. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { config, store, now, log } = deps;
  const {
    identify,
    rates,
    revokedTokens,
    proxy,
    upToDate,
    health,
    maintenance,
    encryptionKeys,
    signToken,
    retire,
  } = createParts(deps);
  const app = new Hono<RequestEnv>({
    getPath: (request) => pathAndQueryOf(request.url).replace(/\?.*$/s, ""),
  });
  const routes: string[] = [];
  function nowhere(c: Context<RequestEnv>): never {
    throw unknownRoute(c.req.method, c.req.path, routes);
  }
  function route(methods: string[], path: string, handler: Handler) {
    // Hono answers HEAD as GET, without the body.
    const allowed = methods.includes("GET") ? new Set(["GET", "HEAD", ...methods]) : methods;
    routes.push(path);
    app.on(methods, path, handler);
    app.all(path, (c) => {
      throw new GatewayError(
        "method_not_allowed",
        `${c.req.method} is not for ${path}`,
        { headers: { allow: [...allowed].join(", ") } },
      );
    });
  }

  app.use(requestLog(now, log));
  app.use(
    onAnswer(rates.countRefusals, revokedTokens.note, tellLimits, noStore, closeUnread),
  );
  app.use(crossOrigin(config.allowedOrigins), wellFormedHost);
  route(["GET"], "/", health);
  route(["GET"], "/api/v1/health", health);
  route(["GET"], "/api/v1/usage", createUsage(identify, store, upToDate));
  route(["GET"], "/api/v1/usage/requests", createUsageRequests(identify, store, upToDate));
  route(["GET"], "/api/v1/usage/requests/:id", createUsageRequest(identify, store, upToDate));
  route(["GET"], "/api/v1/limits", createLimits(identify, store, upToDate));
  route(["POST"], "/api/v1/token", createToken(identify, store, signToken));
  route(["POST"], "/api/v1/maintenance", maintenance);
  route(["GET"], "/api/v1/encryption-keys", encryptionKeys);
  route(["GET"], "/api/v1/openapi.json", createOpenApi(config.audience));
  app.on("ALL", ["/api/v1/openrouter", "/api/v1/openrouter/"], nowhere);
  route(PROXIED_METHODS, "/api/v1/openrouter/*", proxy);
  app.notFound(nowhere);
  app.onError((error, c) =>
    error instanceof ClientDisconnected
      ? c.body(null, 499 as never)
      : errorResponse(error, c.get("requestId"))
  );
  return { fetch: async (request) => headAnswer(request, await app.fetch(request)), retire };
}
