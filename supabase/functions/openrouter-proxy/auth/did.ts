/**
 * DID → verification methods: the one table of DID methods.
 *
 * Sources: protocol.md, "DID methods"; DID Core 3.1; the specifications of did:key, did:jwk and
 * did:pkh.
 */
import { GatewayError } from "../errors.ts";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { createDidWebResolver, type DidWebOptions } from "./did_web.ts";
import { decodeBase64url, parseJsonObject } from "../bytes/encodings.ts";
import { ethereumAccount } from "./ethereum_account.ts";
import { importJwk, importMultikey } from "./key_types.ts";
import { invalidDid, type VerificationMethod } from "./verification_key.ts";

/** A DID of a supported method. */
export interface Did {
  /** The whole DID in the one spelling that an account has. */
  readonly uri: string;
  readonly method: MethodName;
  /** What follows `did:<method>:`. */
  readonly id: string;
}

export type ResolveDid = (did: Did) => Promise<readonly VerificationMethod[]>;

const DID = /^did:([a-z0-9]+):([A-Za-z0-9._:%-]+)$/;
const MAX_DID_LENGTH = 512;
/** CAIP-2 `eip155` references are decimal chain ids; CAIP-10 addresses are hex of any case. */
const EIP155_ACCOUNT = /^eip155:[1-9][0-9]{0,31}:0x[0-9a-fA-F]{40}$/;

/** How each method is resolved: from the DID alone, or (null) by fetching its document. */
const METHODS = { key: didKey, jwk: didJwk, pkh: didPkh, web: null };
type MethodName = keyof typeof METHODS;

/** The imported keys of the most recent callers of an isolate, so that a repeat costs no import. */
const KEY_CACHE_CAPACITY = 2048;

/**
 * Checks a DID's syntax and method.
 *
 * @throws {GatewayError} invalid_did, unsupported_did_method
 */
export function parseDid(text: string): Did {
  const [, method, id] = (text.length <= MAX_DID_LENGTH && DID.exec(text)) || [];
  if (!method || !id) {
    throw invalidDid(
      `a DID is did:<method>:<id>, at most ${MAX_DID_LENGTH} characters, without fragment, path or query`,
    );
  }
  if (!isSupported(method)) {
    throw unsupported(`did:${method} is none of did:${Object.keys(METHODS).join(", did:")}`);
  }
  const normalised = method === "pkh" ? normaliseAccount(id) : id;
  return { uri: `did:${method}:${normalised}`, method, id: normalised };
}

/** Makes the function from a DID to its verification methods, with its caches. */
export function createDidResolver(options: DidWebOptions): ResolveDid {
  const cache = new BoundedCache<readonly VerificationMethod[]>(KEY_CACHE_CAPACITY);
  const resolveDidWeb = createDidWebResolver(options);

  return async (did) => {
    const resolveOffline = METHODS[did.method];
    if (resolveOffline === null) return await resolveDidWeb(did.uri, did.id);
    const cached = cache.get(did.uri);
    if (cached) return cached;
    const methods = [await resolveOffline(did)];
    cache.set(did.uri, methods);
    return methods;
  };
}

async function didKey({ uri, id }: Did): Promise<VerificationMethod> {
  return { id: `${uri}#${id}`, key: await importMultikey(id) };
}

async function didJwk({ uri, id }: Did): Promise<VerificationMethod> {
  const bytes = decodeBase64url(id);
  const jwk = bytes && parseJsonObject(bytes);
  if (!jwk) throw invalidDid("did:jwk takes a JWK as JSON in unpadded base64url");
  return { id: `${uri}#0`, key: await importJwk(jwk) };
}

async function didPkh({ uri, id }: Did): Promise<VerificationMethod> {
  const address = id.slice(id.lastIndexOf(":") + 1);
  return { id: `${uri}#blockchainAccountId`, key: await ethereumAccount(address) };
}

function normaliseAccount(id: string): string {
  if (!id.startsWith("eip155:")) throw unsupported("of did:pkh, eip155 accounts are supported");
  if (!EIP155_ACCOUNT.test(id)) {
    throw invalidDid("did:pkh takes eip155:<chain id>:0x<40 hex digits>");
  }
  return id.toLowerCase();
}

function isSupported(method: string): method is MethodName {
  return Object.hasOwn(METHODS, method);
}

function unsupported(message: string): GatewayError {
  return new GatewayError("unsupported_did_method", message);
}
