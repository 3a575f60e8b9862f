/**
 * did:web → verification methods: the only DID method that fetches anything, so the one with the
 * guards against being led elsewhere (SSRF), held up, or filled up.
 *
 * Sources: protocol.md, "DID methods"; the did:web specification.
 */
import { oneUnderWay } from "../concurrency/one_under_way.ts";
import { GatewayError } from "../errors.ts";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { isDomainName } from "../bytes/domain_name.ts";
import { type Bytes, concat, parseJsonObject } from "../bytes/encodings.ts";
import { didDocumentKeys, type DocumentKey, keysInForce } from "./did_document.ts";
import { invalidDid, type LoadKeys } from "./verification_key.ts";

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
/** What a host says of a DID holds for a while; that it cannot be asked may be over in a moment. */
const REFUSAL_CACHE_MS = 30_000;
const OUTAGE_CACHE_MS = 5_000;
const CACHE_CAPACITY = 512;

/**
 * Documents under way at once. DIDs can be made up, and each of them costs a host a request. So those
 * whose documents were had before, which are not, have as much room again that no others take.
 */
const MAX_FETCHES = 8;
const MAX_FETCHES_OF_ONE_HOST = 2;

const PATH_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

interface Cached<Value> {
  readonly value: Value;
  readonly expiresAt: number;
}

type Keys = readonly DocumentKey[];

/** What a document that is under way takes room of. */
interface Place {
  readonly host: string;
  /** Whether its DID had one before. */
  readonly isKnown: boolean;
}

/**
 * Makes the function from a did:web (the DID, and its part after `did:web:`) to what loads the keys
 * of its document's `authentication`.
 *
 * @throws {GatewayError} at once: unsupported_did_method where the host is not listed, invalid_did
 * where the DID is malformed; from loading: invalid_did where the host has no usable document of
 * it, did_unavailable where the host cannot be asked
 */
export function createDidWebResolver({ didWebHosts, fetch, now }: DidWebOptions) {
  const resolveOnce = oneUnderWay<Keys>();
  const underWay = new Set<Place>();
  const resolved = new BoundedCache<Cached<Keys>>(CACHE_CAPACITY);
  // Apart from the above, so that made-up DIDs cannot push out those in use.
  const failed = new BoundedCache<Cached<GatewayError>>(CACHE_CAPACITY);

  /** What holds for longer than anything does was read before the clock was set back. */
  function isValid({ expiresAt }: Cached<unknown>): boolean {
    const leftMs = expiresAt - now();
    return leftMs > 0 && leftMs <= CACHE_MS;
  }

  async function resolve(uri: string, url: URL, place: Place): Promise<Keys> {
    underWay.add(place);
    try {
      const document = await fetchDocument(fetch, url);
      const keys = await didDocumentKeys(uri, document, now() / 1000);
      resolved.set(uri, { value: keys, expiresAt: now() + CACHE_MS });
      return keys;
    } catch (error) {
      if (error instanceof GatewayError) {
        const cacheMs = error.type === "did_unavailable" ? OUTAGE_CACHE_MS : REFUSAL_CACHE_MS;
        failed.set(uri, { value: error, expiresAt: now() + cacheMs });
      }
      throw error;
    } finally {
      underWay.delete(place);
    }
  }

  function assertRoom({ host, isKnown }: Place): void {
    const alike = [...underWay].filter((other) => other.isKnown === isKnown);
    const ofThisHost = alike.filter((other) => other.host === host).length;
    if (alike.length < MAX_FETCHES && ofThisHost < MAX_FETCHES_OF_ONE_HOST) return;
    throw unavailable("too many DID documents are being fetched; try again", 1);
  }

  async function load(uri: string, url: URL): Promise<Keys> {
    const success = resolved.get(uri);
    if (success && isValid(success)) return keysInForce(success.value, now() / 1000);
    const failure = failed.get(uri);
    if (failure && isValid(failure)) throw failure.value;

    return await resolveOnce(uri, () => {
      const place = { host: url.host, isKnown: success !== undefined };
      assertRoom(place);
      return resolve(uri, url, place);
    });
  }

  return (uri: string, id: string): LoadKeys => {
    const url = documentUrl(id, didWebHosts);
    return () => load(uri, url);
  };
}

function documentUrl(id: string, hosts: readonly string[]): URL {
  const [host = "", ...path] = id.split(":");
  if (!hosts.includes(host)) {
    throw new GatewayError(
      "unsupported_did_method",
      hosts.length === 0
        ? "did:web is not enabled on this gateway"
        : "did:web is not enabled for this host on this gateway (ports are not supported)",
    );
  }
  if (!isDomainName(host)) throw invalidDid("did:web takes a domain name in lower case");
  if (!path.every((segment) => PATH_SEGMENT.test(segment))) {
    throw invalidDid("did:web path segments are made of A-Z a-z 0-9 . _ -");
  }
  return new URL(`https://${host}/${path.length ? path.join("/") : ".well-known"}/did.json`);
}

async function fetchDocument(
  fetch: DidWebOptions["fetch"],
  url: URL,
): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let bytes: Bytes;
  try {
    const response = await fetch(url.href, {
      redirect: "manual",
      headers: { accept: "application/did+json, application/json" },
      signal,
    });
    bytes = await readDocument(response);
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const what = signal.aborted
      ? `the DID document did not arrive within ${TIMEOUT_MS} ms`
      : "the DID document's host could not be reached";
    throw unavailable(what, OUTAGE_CACHE_MS / 1000, cause);
  }
  const document = parseJsonObject(bytes);
  if (!document) throw invalidDid("the DID document is not a JSON object in UTF-8");
  return document;
}

/** Statuses by which a host says nothing about the DID: it is down, or asks for patience. */
function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

async function readDocument(response: Response): Promise<Bytes> {
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel();
    const what = `the DID document's host answered ${status} instead of 200`;
    throw isOutage(status) ? unavailable(what, OUTAGE_CACHE_MS / 1000) : invalidDid(what);
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

/** A refusal that is not the caller's fault. */
function unavailable(message: string, retryAfterSeconds: number, cause?: unknown): GatewayError {
  return new GatewayError("did_unavailable", message, {
    headers: { "retry-after": String(retryAfterSeconds) },
    cause,
  });
}
