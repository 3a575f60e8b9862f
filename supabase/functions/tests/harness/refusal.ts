/** The gateway's own errors, as protocol.md shapes them. */
import assert from "node:assert/strict";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The member `error` of an error of the gateway. */
export interface Refusal {
  code: number;
  type: string;
  message: string;
  request_id: string;
  [detail: string]: unknown;
}

/** Asserts that an answer is this error of the gateway, complete, and returns its `error`. */
export function assertRefusal(
  { status, headers, body }: { status: number; headers: Headers; body: string },
  expectedStatus: number,
  expectedType: string,
): Refusal {
  assert.equal(status, expectedStatus, body);
  const { success, type, error } = JSON.parse(body) as {
    success: boolean;
    type: string;
    error: Refusal;
  };
  assert.equal(success, false);
  assert.equal(type, "error");
  assert.equal(error.type, expectedType);
  assert.equal(error.code, expectedStatus);
  assert.ok(error.message.length > 0);
  assert.match(error.request_id, UUID);
  assert.equal(headers.get("x-request-id"), error.request_id);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("www-authenticate"), expectedStatus === 401 ? "DID" : null);
  const isFinal = status < 500 && status !== 429;
  assert.equal(headers.get("x-should-retry"), isFinal ? "false" : null);
  return error;
}

/** As assertRefusal, for what fetch answered. */
export async function assertRefused(
  response: Response,
  expectedStatus: number,
  expectedType: string,
): Promise<Refusal> {
  const { status, headers } = response;
  return assertRefusal(
    { status, headers, body: await response.text() },
    expectedStatus,
    expectedType,
  );
}
