/**
 * Who the operator is: whoever has a secret key of the project.
 *
 * Source: docs/protocol.md, "Routes".
 */
import { type Bytes, sha256, utf8 } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";

/** @throws {GatewayError} missing_credentials for everybody but the operator */
export type RequireOperator = (headers: Headers) => Promise<void>;

/** @param secretKeys each of which opens what is the operator's */
export function createRequireOperator(secretKeys: readonly string[]): RequireOperator {
  return async (headers) => {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    const told = [headers.get("apikey"), bearer].filter((key) => key !== undefined && key !== null);
    const [expected, hashes] = await Promise.all([hashesOf(secretKeys), hashesOf(told)]);
    let isOperator = false;
    for (const key of expected) {
      for (const hash of hashes) isOperator = areEqual(key, hash) || isOperator;
    }
    if (isOperator) return;
    throw new GatewayError(
      "missing_credentials",
      "this is the operator's: send a secret key of the project in apikey, or as a Bearer token",
    );
  };
}

function hashesOf(keys: readonly string[]): Promise<Bytes[]> {
  return Promise.all(keys.map((key) => sha256(utf8(key))));
}

/**
 * Compares hashes in constant time. Of hashes, because all are as long, whatever the keys are, and
 * because a first difference in them says nothing about where keys differ.
 */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [i, byte] of a.entries()) difference |= byte ^ b[i]!;
  return difference === 0;
}
