/** A request's raw body, bounded. */
import { type Bytes, concat } from "../bytes.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";

/** How long a body may take to arrive, in milliseconds. */
const ARRIVAL_TIMEOUT_MS = 60_000;

/**
 * How many bytes of bodies an isolate holds at once: each exists a few times over while it is hashed,
 * parsed and sent, and Supabase gives a worker 256 MB.
 */
export const BODY_BUDGET_BYTES = 48 * 1024 * 1024;

/** A part of the budget that one request has taken. */
export interface BodyShare {
  /** @throws {GatewayError} overloaded when the budget is spent */
  take(bytes: number): void;
  /** Gives back what was taken. */
  [Symbol.dispose](): void;
}

/** @returns what opens a share of one budget */
export function bodyBudget(totalBytes: number): () => BodyShare {
  let takenBytes = 0;
  return () => {
    let ownBytes = 0;
    return {
      take(bytes) {
        if (takenBytes + bytes > totalBytes) {
          throw new GatewayError(
            "overloaded",
            "the gateway is receiving too many large requests at once; try again",
            { headers: { "retry-after": "1" } },
          );
        }
        takenBytes += bytes;
        ownBytes += bytes;
      },
      [Symbol.dispose]() {
        takenBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  };
}

/**
 * @param share where each chunk is counted
 * @returns the body's bytes; empty when there is none
 * @throws {GatewayError} request_too_large, unsupported_media_type, overloaded, invalid_request when
 *   it takes too long
 * @throws {ClientDisconnected} when the body breaks off
 */
export async function requestBytes(
  request: Request,
  maxBytes: number,
  share: BodyShare,
): Promise<Bytes> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new GatewayError(
      "unsupported_media_type",
      `content-encoding ${encoding} is not supported: send the request body uncompressed`,
      { headers: { "accept-encoding": "identity" } },
    );
  }
  if (request.body === null) return new Uint8Array();

  const chunks: Uint8Array[] = [];
  let size = 0;
  let isLate = false;
  const reader = request.body.getReader();
  const timer = setTimeout(() => {
    isLate = true;
    // A body that broke off at this very moment rejects here; the read that waits for it tells.
    reader.cancel().catch(() => {});
  }, ARRIVAL_TIMEOUT_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new ClientDisconnected();
      });
      if (isLate) throw tooSlow();
      if (done) break;
      size += value.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      share.take(value.length);
      chunks.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => {
      // The error that brought us here is the one to report.
    });
    throw error;
  } finally {
    clearTimeout(timer);
  }
  if (chunks.length === 1 && chunks[0]!.buffer instanceof ArrayBuffer) {
    return chunks[0] as Bytes;
  }
  return concat(...chunks);
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    "request_too_large",
    `the request body is larger than ${maxBytes} bytes`,
  );
}

function tooSlow(): GatewayError {
  return new GatewayError(
    "invalid_request",
    `the request body did not arrive within ${ARRIVAL_TIMEOUT_MS / 1000} s`,
  );
}
