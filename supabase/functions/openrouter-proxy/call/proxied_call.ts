/**
 * The life of a proxied call, in steps: receive → identify → check → admit → book → send → pass on.
 *
 * Source: docs/protocol.md, "Routes".
 */
import type { Context } from "hono";
import type { Accounts, Admitted } from "../accounts/accounts.ts";
import type { Identity } from "../auth/authenticate.ts";
import type { Booking, Bookkeeper } from "../books/booking.ts";
import type { Ending } from "../books/verdict.ts";
import type { Config } from "../config/config.ts";
import { ClientDisconnected } from "../errors.ts";
import { pathAndQueryOf } from "../http/function_path.ts";
import { tooFarBehind } from "../http/overloaded.ts";
import { inSeconds } from "../http/rate_limited.ts";
import type { Handler, RequestEnv } from "../http/request_log.ts";
import { isUnconnected, StillAnswering } from "../openrouter/forward.ts";
import type { Catalogue } from "../policy/catalogue.ts";
import { type Opened, openedBy } from "../policy/endpoints.ts";
import { proxyTarget, type Target } from "../policy/paths.ts";
import { StoreUnavailable } from "../store/rpc.ts";
import { admissionRequest } from "./admission.ts";
import { type AnsweringDeps, createAnswering } from "./answer/answering.ts";
import type { Identify } from "./identify.ts";
import { type Order, orderOf } from "./order.ts";
import { createSend, type SendDeps, type Sending } from "./send.ts";
import { type ServerTiming, serverTiming } from "./server_timing.ts";

export interface ProxyDeps extends SendDeps, AnsweringDeps {
  config:
    & SendDeps["config"]
    & AnsweringDeps["config"]
    & Pick<Config, "extraPaths" | "usdPerCredit">;
  identify: Identify;
  accounts: Accounts;
  catalogue: Catalogue;
  bookkeeper: Bookkeeper;
  /** Milliseconds since any moment, with fractions. */
  elapsedMs: () => number;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
}

/** A call as it came, its path checked. */
interface Received {
  c: Context<RequestEnv>;
  requestId: string;
  method: string;
  target: Target;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
  timing: ServerTiming;
}

/** Makes the handler of `/api/v1/openrouter/*`. */
export function createProxy(deps: ProxyDeps): Handler {
  const { config, identify, accounts, catalogue, bookkeeper, elapsedMs, waitUntil } = deps;
  const send = createSend(deps);
  const answering = createAnswering(deps);

  /** @throws {GatewayError} invalid_request */
  function receive(c: Context<RequestEnv>): Received {
    const { method, url, signal } = c.req.raw;
    return {
      c,
      requestId: c.get("requestId"),
      method,
      target: proxyTarget(pathAndQueryOf(url)),
      // Deno 2.1.4 tells of a hang-up only if the signal was asked for before it.
      clientGone: signal,
      timing: serverTiming(elapsedMs),
    };
  }

  /** @throws {GatewayError} path_forbidden */
  function reached({ method, target }: Received): Opened {
    return openedBy(method, target, config.extraPaths);
  }

  /** Leave to go on, from the caller's account; a call that costs has its pending row then. */
  async function admit(call: Received, identity: Identity, order: Order): Promise<Admitted> {
    const room = order.call === null ? null : bookkeeper.takeRoom(identity.did);
    if (order.call !== null && room === null) throw tooFarBehind();
    const { requestId, method } = call;
    try {
      const request = await admissionRequest(
        requestId,
        method,
        identity,
        order,
        catalogue,
        config.usdPerCredit,
      );
      return await accounts.admit(request);
    } catch (error) {
      // Postgres may have booked the call all the same: its answer may be what got lost.
      const isLost = error instanceof StoreUnavailable && error.mayHaveArrived;
      if (isLost && order.call !== null) bookkeeper.withdraw(identity.did, requestId);
      throw error;
    } finally {
      room?.[Symbol.dispose]();
    }
  }

  /** What is to end when the call ends; null where nothing is booked. */
  function book(
    { c, requestId }: Received,
    { did }: Identity,
    { endpoint, model, isFree, chargesErrors }: Order,
    { requestTime }: Admitted,
  ): Booking | null {
    if (endpoint.kind === "job") return bookkeeper.openJob({ did, jobId: endpoint.jobId });
    if (endpoint.kind !== "call") return null;
    c.set("booked", true);
    return bookkeeper.openCall({
      requestId,
      requestTime,
      did,
      route: c.req.path,
      model,
      beginsJob: endpoint.beginsJob,
      isFree,
      chargesErrors,
      receivedAt: c.get("receivedAt"),
    });
  }

  /** Hears a call to its end, without its body, whose memory is another request's from here on. */
  function hear(
    late: StillAnswering,
    { path, call, model, isHeard, hasLinks, idempotency }: Order,
    apiKey: string | null,
    booking: Booking | null,
    requestId: string,
  ): Promise<void> {
    const order = { path, call, model, isHeard, hasLinks, idempotency };
    return answering.hear(order, late, apiKey, booking, requestId);
  }

  return async (c) => {
    const call = receive(c);
    const caller = await identify(c);
    // What a token's holder may not have is refused before any of the body is received; a signature
    // says nothing until the body is there.
    const known = caller.identity && reached(call);
    const identified = await caller.receive();
    try {
      const { identity, body } = identified;
      const { headers } = c.req.raw;
      const order = await orderOf(known ?? reached(call), headers, body);
      call.timing.mark("auth");
      identified.countRead();
      const admitted = await admit(call, identity, order);
      noteLimits(c, admitted);
      const booking = book(call, identity, order, admitted);
      call.timing.mark("admit");
      const sending: Sending = {
        method: call.method,
        headers,
        clientGone: call.clientGone,
        did: identity.did,
        order,
        admitted,
        isSent: false,
        apiKey: null,
      };
      try {
        const upstream = await send(sending);
        call.timing.mark("upstream");
        const response = await answering.pass(order, upstream, sending.apiKey, booking, call);
        response.headers.append("server-timing", call.timing.header());
        return response;
      } catch (error) {
        if (error instanceof StillAnswering) {
          waitUntil(hear(error, order, sending.apiKey, booking, call.requestId));
          throw error.refusal;
        }
        booking?.end(endingOf(error as Error, sending.isSent));
        await answering.settledSoon(order, booking);
        throw error;
      }
    } finally {
      identified[Symbol.dispose]();
    }
  };
}

/** Whatever the answer will be, it tells what is left of the DID's rate and budgets. */
function noteLimits(c: Context<RequestEnv>, { rate, remainingUsd }: Admitted): void {
  if (rate !== null) c.set("rate", inSeconds(rate));
  if (remainingUsd !== null) c.set("remainingUsd", remainingUsd);
}

/** How a call ends that has no answer. */
function endingOf(error: Error, isSent: boolean): Ending {
  if (error instanceof ClientDisconnected) return { kind: "left", sent: isSent, hadUsage: false };
  return { kind: "broken", sent: isSent && !isUnconnected(error), error };
}
