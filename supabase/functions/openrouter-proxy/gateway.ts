/**
 * The gateway: its routes, a line each.
 *
 * Source: docs/protocol.md, "Routes".
 */
import { Hono } from "hono";
import { GatewayError } from "./errors.ts";
import { answerTo, aroundRoutes } from "./http/around_routes.ts";
import { closeUnread } from "./http/close_unread.ts";
import { crossOrigin } from "./http/cross_origin.ts";
import { pathAndQueryOf } from "./http/function_path.ts";
import { headAnswer } from "./http/head_answer.ts";
import { noStore } from "./http/no_store.ts";
import { tellLimits } from "./http/rate_limited.ts";
import { type Handler, type RequestEnv, requestLog } from "./http/request_log.ts";
import { assertWellFormedHost } from "./http/well_formed_host.ts";
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
  const around = aroundRoutes({
    ...requestLog(now, log),
    crossOrigin: crossOrigin(config.allowedOrigins),
    steps: [rates.countRefusals, revokedTokens.note, tellLimits, noStore, closeUnread],
  });
  function answering(handler: Handler): Handler {
    return around((c) => {
      assertWellFormedHost(c.req.raw);
      return handler(c);
    });
  }
  function route(methods: string[], path: string, handler: Handler) {
    const isRead = methods.includes("GET");
    const allowed = new Set(isRead ? ["GET", "HEAD", ...methods] : methods);
    routes.push(path);
    // One handler for all methods: where a path has but one, Hono makes no chain of them.
    app.all(
      path,
      answering((c) => {
        if (allowed.has(c.req.method)) return handler(c);
        throw new GatewayError(
          "method_not_allowed",
          `${c.req.method} is not for ${path}`,
          { headers: { allow: [...allowed].join(", ") } },
        );
      }),
    );
  }
  const nowhere = answering((c) => {
    throw unknownRoute(c.req.method, c.req.path, routes);
  });

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
  app.onError(answerTo);

  function fetch(request: Request): Promise<Response> {
    const answer = Promise.resolve(app.fetch(request));
    if (request.method !== "HEAD") return answer;
    return answer.then((answer) => headAnswer(request, answer));
  }
  return { fetch, retire };
}
