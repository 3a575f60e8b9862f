/** A request's raw body, bounded. */
import type { Bytes } from "../../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../../errors.ts";
import { growingBytes } from "../../bytes/growing_bytes.ts";
import { loanedChunks } from "../../bytes/chunk_reader.ts";
import { awakeTimeout } from "../../concurrency/awake_timeout.ts";
import type { BodiesUnderWay } from "./bodies_under_way.ts";
import type { BodyPlace } from "./body_place.ts";
import type { Sender } from "./slow_bodies.ts";

/** How long a body may take to arrive, in milliseconds. */
const ARRIVAL_TIMEOUT_MS = 60_000;
/** Through what a body is received: a quarter of what Deno would take, because many never end. */
const READ_BUFFER_BYTES = 16 * 1024;

/** A body and the memory that is counted for it. Disposing of it gives that back. */
export interface ReceivedBody extends Disposable {
  /** Empty where there is no body. */
  readonly bytes: Bytes;
}

/** A class, because each call has a body: its function is not made anew. */
class BodyInPlace implements ReceivedBody {
  constructor(readonly bytes: Bytes, private readonly place: BodyPlace) {}

  [Symbol.dispose](): void {
    this.place[Symbol.dispose]();
  }
}

/**
 * @param bodies gives the body its room, among all that are received
 * @throws {GatewayError} request_too_large, unsupported_media_type, overloaded, invalid_request when
 *   it takes too long
 * @throws {ClientDisconnected} when the body breaks off
 */
export async function requestBytes(
  request: Request,
  maxBytes: number,
  sender: Sender,
  bodies: BodiesUnderWay,
): Promise<ReceivedBody> {
  const contentLength = lengthToldBy(request.headers);
  if (contentLength > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && isEncoded(encoding)) {
    throw new GatewayError(
      "unsupported_media_type",
      `content-encoding ${encoding} is not supported: send the request body uncompressed`,
      { headers: { "accept-encoding": "identity" } },
    );
  }
  const expectedBytes = contentLength > 0 ? contentLength : maxBytes;
  const bufferBytes = Math.min(READ_BUFFER_BYTES, expectedBytes);
  const isShort = contentLength === bufferBytes && sender.kind === "verified" &&
    mayHaveBody(request);
  // Deno makes the stream where it is asked for: a short body is received without one.
  if (!isShort && request.body === null) {
    return { bytes: new Uint8Array(), [Symbol.dispose]() {} };
  }
  const place = await bodies.enter(sender, bufferBytes);
  try {
    const bytes = isShort && place.hold(contentLength)
      ? await receivedAtOnce(request, maxBytes, place)
      : await received(request.body!, { maxBytes, expectedBytes, bufferBytes }, place);
    place.whole();
    return new BodyInPlace(bytes, place);
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

/** Whether a list of codings has one; empty elements count as none (RFC 9110 section 5.6.1.2). */
function isEncoded(codings: string): boolean {
  return codings.split(",").some((coding) => !/^\s*(?:identity\s*)?$/i.test(coding));
}

/** GET and HEAD have none in Fetch, whatever length they tell. */
function mayHaveBody({ method }: Request): boolean {
  return method !== "GET" && method !== "HEAD";
}

/** How long a body is said to be; 0: nothing tells. Chunks overrule a length (RFC 9112 section 6.3). */
function lengthToldBy(headers: Headers): number {
  return headers.has("transfer-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
}

/**
 * A short body whose length is known, in one step of the runtime's: to read it chunk by chunk takes a
 * sixth of a call's time. Such a step cannot be ended: where the body stops coming, the connection
 * lasts after its answer for as long as the client keeps it. So it is for senders who are known.
 */
function receivedAtOnce(
  request: Request,
  maxBytes: number,
  place: BodyPlace,
): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const takeBack = awakeTimeout(() => stop(tooLate()), ARRIVAL_TIMEOUT_MS);
    function stop(reason: Error) {
      takeBack();
      reject(reason);
    }
    place.whenEnded(stop);
    request.bytes().then((bytes) => {
      takeBack();
      if (bytes.length > maxBytes) reject(tooLarge(maxBytes));
      else resolve(bytes);
    }, () => stop(new ClientDisconnected()));
  });
}

async function received(
  stream: ReadableStream<Uint8Array>,
  { maxBytes, expectedBytes, bufferBytes }: {
    maxBytes: number;
    expectedBytes: number;
    bufferBytes: number;
  },
  place: BodyPlace,
): Promise<Bytes> {
  // A length is only announced: the memory for it is taken as the bytes come.
  const body = growingBytes(expectedBytes, place);
  let size = 0;
  let stopped: GatewayError | null = null;
  const reader = loanedChunks(stream, bufferBytes);

  function stop(reason: GatewayError) {
    stopped ??= reason;
    // A body that broke off at this very moment rejects here; the read that waits for it tells.
    reader.cancel(reason).catch(() => {});
  }

  place.whenEnded(stop);
  const takeBack = awakeTimeout(() => stop(tooLate()), ARRIVAL_TIMEOUT_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw stopped ?? new ClientDisconnected();
      });
      if (stopped !== null) throw stopped;
      if (done) return body.bytes();
      size += value.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      place.arrived(value.length);
      while (!body.append(value)) await place.room();
      reader.giveBack(value);
    }
  } catch (error) {
    body.free();
    await reader.cancel(error).catch(() => {
      // The error that brought us here is the one to report.
    });
    throw error;
  } finally {
    takeBack();
  }
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    "request_too_large",
    `the request body is larger than ${maxBytes} bytes`,
  );
}

function tooLate(): GatewayError {
  return new GatewayError(
    "invalid_request",
    `the request body did not arrive within ${ARRIVAL_TIMEOUT_MS / 1000} s`,
  );
}
