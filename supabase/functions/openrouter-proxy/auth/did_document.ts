/**
 * DID document → the keys that may authenticate its subject (DID Core 5.2, 5.3.1; Controlled
 * Identifiers 1.0, section 2.2).
 */
import { GatewayError } from "../errors.ts";
import { isObject } from "../bytes/encodings.ts";
import { readJwk, readMultikey } from "./key_types.ts";
import { parseDateTime } from "./rfc3339.ts";
import { invalidDid, type VerificationKey, type VerificationMethod } from "./verification_key.ts";

/** A key that its document gives an end, or none. */
export interface DocumentKey extends VerificationMethod {
  /** From when it must not be used, in seconds since the epoch; Infinity: never. */
  readonly endsAt: number;
}

/** A signed request may be tried against each of them, so there is a bound on the work. */
const MAX_AUTHENTICATION_KEYS = 20;

/**
 * The usable keys of `authentication`, which holds verification methods or their ids. Methods of
 * other DIDs, those that are revoked or have expired, and of kinds that the gateway does not know, are
 * passed over.
 *
 * @throws {GatewayError} invalid_did where the document is another DID's, or none of its keys fits
 */
export async function didDocumentKeys(
  did: string,
  document: Record<string, unknown>,
  nowSeconds: number,
): Promise<readonly DocumentKey[]> {
  if (document.id !== did) throw invalidDid("the DID document's id is not the DID");
  const authentication = listOf(document.authentication);
  if (authentication.length > MAX_AUTHENTICATION_KEYS) {
    throw invalidDid(`the DID document has over ${MAX_AUTHENTICATION_KEYS} authentication keys`);
  }
  const declared = declaredMethods(did, document.verificationMethod);

  const keys: DocumentKey[] = [];
  for (const entry of authentication) {
    const method = typeof entry === "string" ? declared.get(absoluteId(did, entry) ?? "") : entry;
    const id = isObject(method) ? absoluteId(did, method.id) : null;
    if (!isObject(method) || id === null || method.controller !== did) continue;
    const key = await importMethod(method);
    if (key) keys.push({ id, key, endsAt: Math.min(endOf(method.revoked), endOf(method.expires)) });
  }
  return keysInForce(keys, nowSeconds);
}

/**
 * Those that have not ended by now.
 *
 * @throws {GatewayError} invalid_did where there is none
 */
export function keysInForce(
  keys: readonly DocumentKey[],
  nowSeconds: number,
): readonly DocumentKey[] {
  const inForce = keys.filter(({ endsAt }) => endsAt > nowSeconds);
  if (inForce.length > 0) return inForce;
  throw invalidDid(
    "the DID document's authentication names no key that is in force and that the gateway supports",
  );
}

/** By their DID URLs; the first of several with the same. */
function declaredMethods(did: string, list: unknown): Map<string, Record<string, unknown>> {
  const methods = new Map<string, Record<string, unknown>>();
  for (const method of listOf(list).filter(isObject)) {
    const id = absoluteId(did, method.id);
    if (id !== null && !methods.has(id)) methods.set(id, method);
  }
  return methods;
}

async function importMethod(method: Record<string, unknown>): Promise<VerificationKey | null> {
  const { publicKeyJwk, publicKeyMultibase } = method;
  // DID Core 5.2: a method must not hold its key twice, because the two could differ.
  if (publicKeyJwk !== undefined && publicKeyMultibase !== undefined) return null;
  try {
    if (isObject(publicKeyJwk)) return await readJwk(publicKeyJwk)();
    if (typeof publicKeyMultibase === "string") return await readMultikey(publicKeyMultibase)();
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** From when a method must not be used, in seconds; -Infinity where what should tell it is no instant. */
function endOf(instant: unknown): number {
  if (instant === undefined || instant === null) return Infinity;
  return (typeof instant === "string" ? parseDateTime(instant) : null) ?? -Infinity;
}

/** `did#fragment` or `#fragment` → `did#fragment`; null for anything else, other DIDs included. */
function absoluteId(did: string, id: unknown): string | null {
  if (typeof id !== "string") return null;
  const absolute = id.startsWith("#") ? did + id : id;
  return absolute.startsWith(`${did}#`) ? absolute : null;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
