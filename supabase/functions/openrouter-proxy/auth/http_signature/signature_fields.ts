/** The fields Signature-Input and Signature (RFC 9421 sections 4.1 and 4.2), read and checked. */
import { type Dictionary, type InnerList, isInnerList, serializeItem } from "structured-headers";
import type { Bytes } from "../../bytes/encodings.ts";
import { GatewayError } from "../../errors.ts";
import { unusable } from "./signature_component.ts";
import { readDictionary } from "./structured_field.ts";

/** Signature parameters (section 2.3), checked. */
export interface SignatureParameters {
  readonly keyid: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly expires: number | undefined;
  readonly alg: string | undefined;
}

/**
 * The label, and the covered components, of the one signature whose keyid is a DID.
 *
 * @throws {GatewayError} invalid_request where there is no such signature, or more than one
 */
export function findSignature(headers: Headers): [string, InnerList] {
  const inputs: Dictionary = readDictionary(headers, "signature-input") ?? new Map();
  const ofDids: [string, InnerList][] = [];
  for (const [label, input] of inputs) {
    if (!isInnerList(input)) throw malformed(`signature-input's ${label} is no list of components`);
    const keyid = input[1].get("keyid");
    if (typeof keyid === "string" && keyid.startsWith("did:")) ofDids.push([label, input]);
  }
  const [first, ...others] = ofDids;
  if (!first || others.length > 0) {
    throw malformed(`${ofDids.length} signatures have a DID as their keyid; send one`);
  }
  return first;
}

/**
 * The 64 bytes of Ed25519, or r and s of ECDSA (sections 3.3.4 and 3.3.6).
 *
 * @throws {GatewayError} missing_credentials, invalid_request, invalid_signature (one of another kind)
 */
export function readSignature(headers: Headers, label: string): Bytes {
  const value = readDictionary(headers, "signature")?.get(label)?.[0];
  if (value === undefined) {
    throw new GatewayError(
      "missing_credentials",
      `signature has no ${label} beside signature-input`,
    );
  }
  if (!(value instanceof ArrayBuffer)) throw malformed(`signature's ${label} takes :base64:`);
  // The parser forgives missing padding and stray bits, so that one signature had many spellings.
  if (!headers.get("signature")!.includes(serializeItem(value))) {
    throw malformed(`signature's ${label} is not canonical base64`);
  }
  const bytes = new Uint8Array(value);
  if (bytes.length === 64) return bytes;
  throw unusable(
    bytes[0] === 0x30 && bytes.length > 64
      ? `it is DER; ECDSA signatures are r and s, 32 bytes each (IEEE P1363)`
      : `it has ${bytes.length} bytes instead of 64`,
  );
}

/**
 * @param input whose keyid is a string
 * @throws {GatewayError} invalid_request where one has another type, invalid_signature without created
 */
export function readParameters([, parameters]: InnerList): SignatureParameters {
  function parameter(name: string, type: "string"): string | undefined;
  function parameter(name: string, type: "number"): number | undefined;
  function parameter(name: string, type: "string" | "number"): unknown {
    const value = parameters.get(name);
    if (value === undefined || (typeof value === type && (type === "string" || isInstant(value)))) {
      return value;
    }
    throw malformed(
      `the signature parameter ${name} is no ${type === "string" ? type : "integer"}`,
    );
  }
  parameter("nonce", "string");
  parameter("tag", "string");
  const created = parameter("created", "number");
  if (created === undefined) throw unusable("the parameter created is missing");
  return {
    keyid: parameter("keyid", "string")!,
    created,
    expires: parameter("expires", "number"),
    alg: parameter("alg", "string"),
  };
}

function isInstant(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function malformed(what: string): GatewayError {
  return new GatewayError("invalid_request", what);
}
