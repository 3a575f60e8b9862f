/**
 * Why the proxy does not forward a request, and the answer that says so: of the shape of the
 * gateway's own errors, so that SDKs show its message.
 *
 * Source: docs/protocol.md, "Errors of the gateway itself".
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

const STATUS = {
  invalid_request: 400,
  missing_credentials: 401,
  access_denied: 403,
  method_not_allowed: 405,
  request_too_large: 413,
  websocket_unsupported: 426,
  internal_error: 500,
  upstream_unreachable: 502,
} as const;

export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(readonly type: keyof typeof STATUS, message: string) {
    super(message);
  }
}

/** How long a client may go on writing a body that nobody wants. */
const LINGER_MS = 5_000;

/** Answers with a refusal; anything else that was thrown is a bug, and not shown. */
export function answerWith(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const { type, message } = error instanceof Refusal
    ? error
    : { type: "internal_error" as const, message: "did proxy failed" };
  const code = STATUS[type];
  const requestId = randomUUID();
  const body = Buffer.from(JSON.stringify({
    success: false,
    type: "error",
    error: { code, type, message, request_id: requestId },
  }));
  response.writeHead(code, {
    "content-type": "application/json",
    "content-length": body.length,
    // The SDKs of OpenAI read it from the first, those of Anthropic from the second.
    "x-request-id": requestId,
    "request-id": requestId,
    // What is still to come of the request is for nobody.
    connection: code === 426 ? "close, upgrade" : "close",
    // RFC 9110, section 15.5.22: what is spoken here instead.
    ...(code === 426 ? { upgrade: "HTTP/1.1" } : {}),
    // The SDKs of OpenAI and Anthropic obey it.
    ...(code < 500 ? { "x-should-retry": "false" } : {}),
  });
  response.write(body);
  endWhenRead(request, response);
}

/**
 * Ends an answer once the request has been read. A connection that is closed on unread bytes is reset,
 * and a client that is still writing never sees the answer (RFC 9112, section 9.6).
 */
export function endWhenRead(request: IncomingMessage, response: ServerResponse): void {
  if (request.readableEnded || request.destroyed) return void response.end();
  const timer = setTimeout(end, LINGER_MS);
  function end() {
    clearTimeout(timer);
    response.end();
  }
  request.once("end", end).once("close", end).resume();
}
