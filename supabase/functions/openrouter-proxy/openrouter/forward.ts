/**
 * One request to OpenRouter, up to its answer's headers; to the end of the answer when it is an error.
 */
import { awakeTimeout } from "../concurrency/awake_timeout.ts";
import { type Bytes, isObject, parseJsonObject } from "../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { decoded } from "./content_coding.ts";
import { wholeIfSmall } from "./small_body.ts";

export interface OutgoingRequest {
  url: string;
  method: string;
  /** By their names in lower case. */
  headers: Record<string, string>;
  body: Bytes | null;
}

export interface Upstream {
  status: number;
  headers: Headers;
  /** An answer as it streams in, or the whole body of an error that is not huge; null: it has none. */
  body: ReadableStream<Uint8Array> | Bytes | null;
  /** Reads the body whole in one step of the runtime's; not there where that is not fetch's own. */
  readWhole?: (() => Promise<Bytes>) | undefined;
  /** Ends the call at OpenRouter: the connection is closed at once. */
  abort(reason: unknown): void;
}

/** Statuses whose answers have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([204, 205, 304]);

/** OpenRouter took too long for the client, and goes on with the call, which it will bill. */
export class StillAnswering extends Error {
  override readonly name = "StillAnswering";

  /** @param answer rejects as `forward` does; aborting the call is for whoever waits for it */
  constructor(readonly refusal: GatewayError, readonly answer: Promise<Upstream>) {
    super(refusal.message);
  }
}

export interface Patience {
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
  /**
   * Until the headers are there, and for an error until its body is; one whose body takes longer, or
   * breaks, comes with what there is of it.
   */
  timeoutMs: number;
  /** Whether the call goes on whatever the client does; its headers may take twice as long then. */
  isHeard: boolean;
}

/**
 * Sends a request. Redirects are answers like any other: following one could carry the DID's key
 * elsewhere.
 *
 * @param fetch must not send a body twice (http/send_once.ts)
 * @throws {GatewayError} upstream_timeout, upstream_unreachable
 * @throws {StillAnswering} in place of upstream_timeout where the call is heard to its end
 * @throws {ClientDisconnected}
 */
export function forward(
  request: OutgoingRequest,
  { clientGone, timeoutMs, isHeard }: Patience,
  fetch: typeof globalThis.fetch,
): Promise<Upstream> {
  const controller = new AbortController();
  const hangUp = () => controller.abort(new ClientDisconnected());
  if (!isHeard) {
    clientGone.addEventListener("abort", hangUp);
    if (clientGone.aborted) hangUp();
  }
  const sending: Sending = { outgoing: request, hasHeaders: false };
  let takeBack = awakeTimeout(giveUp, timeoutMs);
  let refuse: (late: StillAnswering) => void;
  const answer = answerTo(sending, controller, fetch, ended);

  function giveUp() {
    const message = `OpenRouter sent no response headers within ${timeoutMs} ms`;
    // What refuses the call is not billed, and there is no need to hear more of it.
    if (!isHeard || sending.hasHeaders) {
      return controller.abort(new GatewayError("upstream_timeout", message));
    }
    // OpenAI's and Anthropic's SDKs would send it again by themselves, and have it billed once more.
    const headers = { "x-should-retry": "false" };
    const refusal = new GatewayError("upstream_timeout", message, { headers });
    // Its body's memory is another request's when the client has its answer.
    sending.outgoing = null;
    takeBack = awakeTimeout(() => controller.abort(refusal), timeoutMs);
    refuse(new StillAnswering(refusal, answer));
  }
  function ended() {
    takeBack();
    if (!isHeard) clientGone.removeEventListener("abort", hangUp);
  }

  if (!isHeard) return answer;
  return new Promise((resolve, reject) => {
    refuse = reject;
    answer.then(resolve, reject);
  });
}

/** A request on its way. */
interface Sending {
  /** Null: it is not sent again. */
  outgoing: OutgoingRequest | null;
  hasHeaders: boolean;
}

async function answerTo(
  sending: Sending,
  controller: AbortController,
  fetch: typeof globalThis.fetch,
  ended: () => void,
): Promise<Upstream> {
  try {
    const response = await responseTo(sending, controller.signal, fetch);
    sending.hasHeaders = true;
    const { status } = response;
    let { headers } = response;
    // Of a 101, too: nobody asked for another protocol.
    if (status < 200 || status > 599) {
      await response.body?.cancel();
      throw new RangeError(`${status} is no status of an answer`);
    }
    let body: Upstream["body"] = response.body;
    let readWhole: Upstream["readWhole"];
    if (NULL_BODY.has(status)) {
      await response.body?.cancel();
      body = null;
    } else if (body !== null) {
      ({ headers, body } = decoded({ headers, body }));
      if (status >= 400) body = await wholeIfSmall(body);
      else if (body === response.body) readWhole = () => response.bytes();
    }
    return { status, headers, body, readWhole, abort: aborter(controller) };
  } catch (cause) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw new GatewayError("upstream_unreachable", "OpenRouter could not be reached", { cause });
  } finally {
    ended();
  }
}

function responseTo(
  sending: Sending,
  signal: AbortSignal,
  fetch: typeof globalThis.fetch,
): Promise<Response> {
  const send = ({ url, method, headers, body }: OutgoingRequest) =>
    fetch(url, { method, headers, body, redirect: "manual", signal });
  return send(sending.outgoing!).catch((error) => {
    const again = sending.outgoing;
    if (again === null || !isUnconnected(error)) throw error;
    return send(again);
  });
}

/** An answer that begins a job, read to its end; one that is late, breaks or is large stays a stream. */
export async function wholeJob(upstream: Upstream, timeoutMs: number): Promise<Upstream> {
  const { status, headers, body, abort } = upstream;
  if (!(body instanceof ReadableStream)) return upstream;
  const takeBack = awakeTimeout(() => {
    abort(new GatewayError("upstream_timeout", `OpenRouter took over ${timeoutMs} ms to answer`));
  }, timeoutMs);
  try {
    return { status, headers, body: await wholeIfSmall(body), abort };
  } finally {
    takeBack();
  }
}

/** By itself: a closure above would hold the request's body for as long as its answer lasts. */
function aborter(controller: AbortController): Upstream["abort"] {
  return (reason) => controller.abort(reason);
}

/**
 * Whether an error, of fetch or of `forward`, means that no connection came about: not a byte was
 * sent. Deno says so only in the message that it takes from its HTTP client (hyper-util, "client error
 * (Connect)"): Deno 2.1.4 in fetch's error itself, newer ones in its cause.
 */
export function isUnconnected(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes("client error (Connect)")) return true;
  }
  return false;
}

/**
 * Whether OpenRouter does not have the path itself, or not for POST: then nothing was called.
 *
 * @param isKnown whether the path is one of OpenRouter's, whose 404 speaks of a model or a provider
 *   unless it is the one of unknown paths
 *
 * Source: docs/openrouter.md, "Endpoints".
 */
export function knowsNoSuchPath({ status, body }: Upstream, isKnown: boolean): boolean {
  if (status === 405) return true;
  if (status !== 404 || !isKnown) return status === 404;
  const error = body instanceof Uint8Array ? parseJsonObject(body)?.error : null;
  return isObject(error) && error.message === "Not Found";
}

/**
 * Whether OpenRouter refuses the DID's key itself: deleted, or disabled.
 *
 * Source: openrouter.md, "Errors".
 */
export function refusesKey({ status, body }: Upstream): boolean {
  return status === 401 && body instanceof Uint8Array &&
    new TextDecoder().decode(body).includes("User not found.");
}
