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
import { readJwk, readMultikey } from "./key_types.ts";
import {
  type ImportKey,
  invalidDid,
  type LoadKeys,
  type VerificationMethod,
} from "./verification_key.ts";

/** A DID of a supported method. */
export interface Did {
  /** The whole DID in the one spelling that an account has. */
  readonly uri: string;
  readonly method: MethodName;
  /** What follows `did:<method>:`. */
  readonly id: string;
  /** Length of its signatures of requests, in bytes. */
  readonly signatureBytes: 64 | 65;
}

/**
 * Reads what a DID says by itself; the costly part is left to what it returns.
 *
 * @throws {GatewayError} invalid_did, unsupported_did_method
 */
export type ResolveDid = (did: Did) => LoadKeys;

const DID = /^did:([a-z0-9]+):([A-Za-z0-9._:%-]+)$/;
const MAX_DID_LENGTH = 512;
/** CAIP-2 `eip155` references are decimal chain ids; CAIP-10 addresses are hex of any case. */
const EIP155_ACCOUNT = /^eip155:[1-9][0-9]{0,31}:0x[0-9a-fA-F]{40}$/;

/** A key that a DID itself tells, and the DID URL that names it. */
interface OwnKey {
  readonly id: string;
  readonly importKey: ImportKey;
}

interface Method {
  readonly signatureBytes: 64 | 65;
  /** How the key is read from the DID alone; null where its document is to be fetched. */
  readonly read: ((did: Did) => OwnKey) | null;
}

type MethodName = "key" | "jwk" | "pkh" | "web";

const METHODS: Record<MethodName, Method> = {
  key: { signatureBytes: 64, read: didKey },
  jwk: { signatureBytes: 64, read: didJwk },
  pkh: { signatureBytes: 65, read: didPkh },
  web: { signatureBytes: 64, read: null },
};

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
  const { signatureBytes } = METHODS[method];
  return { uri: `did:${method}:${normalised}`, method, id: normalised, signatureBytes };
}

/** Makes the function from a DID to what loads its verification methods, with its caches. */
export function createDidResolver(options: DidWebOptions): ResolveDid {
  const cache = new BoundedCache<readonly VerificationMethod[]>(KEY_CACHE_CAPACITY);
  const resolveDidWeb = createDidWebResolver(options);

  return (did) => {
    const { read } = METHODS[did.method];
    if (read === null) return resolveDidWeb(did.uri, did.id);
    const cached = cache.get(did.uri);
    if (cached) return () => Promise.resolve(cached);
    const { id, importKey } = read(did);
    return async () => {
      const methods = [{ id, key: await importKey() }];
      cache.set(did.uri, methods);
      return methods;
    };
  };
}

function didKey({ uri, id }: Did): OwnKey {
  return { id: `${uri}#${id}`, importKey: readMultikey(id) };
}

function didJwk({ uri, id }: Did): OwnKey {
  const bytes = decodeBase64url(id);
  const jwk = bytes && parseJsonObject(bytes);
  if (!jwk) throw invalidDid("did:jwk takes a JWK as JSON in unpadded base64url");
  return { id: `${uri}#0`, importKey: readJwk(jwk) };
}

function didPkh({ uri, id }: Did): OwnKey {
  const address = id.slice(id.lastIndexOf(":") + 1);
  return { id: `${uri}#blockchainAccountId`, importKey: () => ethereumAccount(address) };
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
