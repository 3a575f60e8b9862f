/**
 * did:web → verification methods: the only DID method that fetches anything, so the one with the
 * guards against being led elsewhere (SSRF), held up, or filled up.
 *
 * Sources: protocol.md, "DID methods"; the did:web specification.
 */
import { GatewayError } from "../errors.ts";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { didDocumentKeys } from "./did_document.ts";
import { type Bytes, concat, parseJsonObject } from "../bytes/encodings.ts";
import { invalidDid, type LoadKeys, type VerificationMethod } from "./verification_key.ts";

export interface DidWebOptions {
  /** Lower-case hosts that documents are fetched from; did:web is off while there are none. */
  readonly didWebHosts: readonly string[];
  readonly fetch: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const TIMEOUT_MS = 3_000;
const MAX_DOCUMENT_BYTES = 64 * 1024;
const CACHE_MS = 5 * 60_000;
const FAILURE_CACHE_MS = 30_000;
const CACHE_CAPACITY = 512;

/** A domain name whose last label starts with a letter: neither an IP literal nor `localhost`. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const PATH_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

interface Cached<Value> {
  readonly value: Value;
  readonly expiresAt: number;
}

/**
 * Makes the function from a did:web (the DID, and its part after `did:web:`) to what loads the keys
 * of its document's `authentication`.
 *
 * @throws {GatewayError} at once: unsupported_did_method where the host is not listed, invalid_did
 * where the DID is malformed; from loading: invalid_did where its document is out of reach or not
 * usable
 */
export function createDidWebResolver({ didWebHosts, fetch, now }: DidWebOptions) {
  const pending = new Map<string, Promise<readonly VerificationMethod[]>>();
  const resolved = new BoundedCache<Cached<readonly VerificationMethod[]>>(CACHE_CAPACITY);
  // Apart from the above, so that made-up DIDs cannot push out those in use.
  const failed = new BoundedCache<Cached<GatewayError>>(CACHE_CAPACITY);

  async function resolve(uri: string, url: string): Promise<readonly VerificationMethod[]> {
    try {
      const methods = await didDocumentKeys(uri, await fetchDocument(fetch, url));
      resolved.set(uri, { value: methods, expiresAt: now() + CACHE_MS });
      return methods;
    } catch (error) {
      if (error instanceof GatewayError) {
        failed.set(uri, { value: error, expiresAt: now() + FAILURE_CACHE_MS });
      }
      throw error;
    }
  }

  async function load(uri: string, url: string): Promise<readonly VerificationMethod[]> {
    const success = resolved.get(uri);
    if (success && now() < success.expiresAt) return success.value;
    const failure = failed.get(uri);
    if (failure && now() < failure.expiresAt) throw failure.value;

    const inFlight = pending.get(uri) ?? resolve(uri, url).finally(() => pending.delete(uri));
    pending.set(uri, inFlight);
    return await inFlight;
  }

  return (uri: string, id: string): LoadKeys => {
    const url = documentUrl(id, didWebHosts);
    return () => load(uri, url);
  };
}

function documentUrl(id: string, hosts: readonly string[]): string {
  const [host = "", ...path] = id.split(":");
  if (!hosts.includes(host)) {
    throw new GatewayError(
      "unsupported_did_method",
      hosts.length === 0
        ? "did:web is not enabled on this gateway"
        : "did:web is not enabled for this host on this gateway (ports are not supported)",
    );
  }
  if (!DOMAIN.test(host)) throw invalidDid("did:web takes a domain name in lower case");
  if (!path.every((segment) => PATH_SEGMENT.test(segment))) {
    throw invalidDid("did:web path segments are made of A-Z a-z 0-9 . _ -");
  }
  return `https://${host}/${path.length ? path.join("/") : ".well-known"}/did.json`;
}

async function fetchDocument(
  fetch: DidWebOptions["fetch"],
  url: string,
): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { accept: "application/did+json, application/json" },
      signal,
    });
    const document = parseJsonObject(await readDocument(response));
    if (!document) throw invalidDid("the DID document is not a JSON object in UTF-8");
    return document;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw invalidDid(
      signal.aborted
        ? `the DID document did not arrive within ${TIMEOUT_MS} ms`
        : "the DID document could not be fetched",
      error,
    );
  }
}

async function readDocument(response: Response): Promise<Bytes> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw invalidDid(`the DID document's host answered ${response.status} instead of 200`);
  }
  const chunks: Bytes[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_DOCUMENT_BYTES) {
      throw invalidDid(`the DID document has over ${MAX_DOCUMENT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return concat(...chunks);
}
