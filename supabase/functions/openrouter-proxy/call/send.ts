/** Sends a call to OpenRouter with the DID's own key. */
import type { Accounts, Admitted } from "../accounts/accounts.ts";
import type { Config } from "../config/config.ts";
import type { Bytes } from "../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { forward, refusesKey, type Upstream } from "../openrouter/forward.ts";
import { requestHeaders } from "../openrouter/headers.ts";
import { withAdditions } from "../policy/additions.ts";
import { upstreamUrls } from "../policy/paths.ts";
import type { Order } from "./order.ts";

export interface SendDeps {
  config: Pick<Config, "openrouterUrl" | "httpReferer" | "xTitle" | "upstreamHeadersTimeoutMs">;
  accounts: Pick<Accounts, "openKey" | "replaceKey">;
  /** DID → what the providers know it by. */
  pseudonymOf: (did: string) => Promise<string>;
  /** It must not send a body twice (http/send_once.ts). */
  fetch: typeof globalThis.fetch;
}

/** A request on its way. */
export interface Sending {
  method: string;
  /** The client's. */
  headers: Headers;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
  did: string;
  order: Order;
  admitted: Admitted;
  /** Whether OpenRouter may have got some of it, and bill it. */
  isSent: boolean;
  /** The key that it went with last; null: none. */
  apiKey: string | null;
}

/**
 * Makes the function that sends a call, and sends it once more with another key if OpenRouter no longer
 * knows the first.
 *
 * It throws {@linkcode GatewayError}s: not_found, invalid_request, what the account's keys throw, and
 * what `forward` throws; StillAnswering; and ClientDisconnected.
 */
export function createSend(deps: SendDeps): (sending: Sending) => Promise<Upstream> {
  const { config, accounts, pseudonymOf, fetch } = deps;
  const urlOf = upstreamUrls(config.openrouterUrl);

  function attempt(
    sending: Sending,
    url: string,
    body: Bytes | null,
    apiKey: string | null,
  ): Promise<Upstream> {
    const { method, clientGone, order } = sending;
    if (clientGone.aborted) throw new ClientDisconnected();
    sending.isSent = true;
    sending.apiKey = apiKey;
    const headers = requestHeaders(sending.headers, apiKey, config);
    const timeoutMs = config.upstreamHeadersTimeoutMs;
    const patience = { clientGone, timeoutMs, isHeard: order.isHeard };
    return forward({ url, method, headers, body }, patience, fetch);
  }

  return async (sending) => {
    const { method, did, order, admitted: { key } } = sending;
    const url = urlOf(order);
    const isRead = method === "GET" || method === "HEAD";
    const { json, call } = order;
    const body = json && call
      ? withAdditions(order.body, json, call, await pseudonymOf(did))
      : isRead
      ? null
      : order.body;

    if (key === null) {
      assertNeedsNoKey(order);
      return answeringAnybody(await attempt(sending, url, body, null));
    }
    const apiKey = await accounts.openKey(did, key);
    const upstream = await attempt(sending, url, body, apiKey);
    if (!refusesKey(upstream)) return upstream;
    // Nothing was billed, and the body is still here: the same request goes on with another key.
    sending.isSent = false;
    const another = await accounts.replaceKey(did, key);
    return another === null ? upstream : await attempt(sending, url, body, another);
  };
}

/** @throws {GatewayError} not_found */
function assertNeedsNoKey({ endpoint }: Order): void {
  if (endpoint.kind !== "free" || endpoint.needsKey) throw hasNoKey();
}

/**
 * Of a path that the operator has opened nobody knew whether OpenRouter wants a key for it. Its 401 would
 * look like the caller's signature.
 *
 * @throws {GatewayError} not_found
 */
function answeringAnybody(upstream: Upstream): Upstream {
  if (upstream.status !== 401) return upstream;
  const refusal = hasNoKey();
  upstream.abort(refusal);
  throw refusal;
}

function hasNoKey(): GatewayError {
  return new GatewayError(
    "not_found",
    "this DID has no OpenRouter key yet: its first call that may cost makes one",
  );
}
