/** A request's raw body, bounded. */
import type { Bytes } from "../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { growingBytes } from "../bytes/growing_bytes.ts";
import type { MemoryShare } from "../bytes/memory_budget.ts";
import { chunkReader } from "../bytes/chunk_reader.ts";

/** How long a body may take to arrive, in milliseconds. */
const ARRIVAL_TIMEOUT_MS = 60_000;

/**
 * How many bytes of bodies an isolate holds at once: each exists a few times over while it is hashed,
 * parsed and sent.
 */
export const BODY_BUDGET_BYTES = 48 * 1024 * 1024;

/**
 * @param share what the memory that the body takes is counted in
 * @returns the body's bytes; empty when there is none
 * @throws {GatewayError} request_too_large, unsupported_media_type, overloaded, invalid_request when
 *   it takes too long
 * @throws {ClientDisconnected} when the body breaks off
 */
export async function requestBytes(
  request: Request,
  maxBytes: number,
  share: MemoryShare,
): Promise<Bytes> {
  const contentLength = Number(request.headers.get("content-length") ?? 0);
  if (contentLength > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new GatewayError(
      "unsupported_media_type",
      `content-encoding ${encoding} is not supported: send the request body uncompressed`,
      { headers: { "accept-encoding": "identity" } },
    );
  }
  if (request.body === null) return new Uint8Array();

  // A length is only announced: the memory for it is taken as the bytes come.
  const body = growingBytes(contentLength > 0 ? contentLength : maxBytes, share);
  let size = 0;
  let isLate = false;
  const reader = chunkReader(request.body);
  const timer = setTimeout(() => {
    isLate = true;
    // A body that broke off at this very moment rejects here; the read that waits for it tells.
    reader.cancel(tooSlow()).catch(() => {});
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
      if (!body.append(value)) throw overloaded();
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {
      // The error that brought us here is the one to report.
    });
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return body.bytes();
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

function overloaded(): GatewayError {
  return new GatewayError(
    "overloaded",
    "the gateway is receiving too many large requests at once; try again",
    { headers: { "retry-after": "1" } },
  );
}
