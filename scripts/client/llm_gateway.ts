/**
 * Identities and signed requests for the LLM gateway, in one file to copy into any project:
 * browsers, Node 20 or newer, Deno. It needs nothing but the Web platform (WebCrypto and fetch).
 *
 * ```ts
 * const identity = await createIdentity();
 * const gatewayUrl = "https://<ref>.supabase.co/functions/v1/openrouter-proxy";
 * const response = await signedFetch(identity, { gatewayUrl })(
 *   `${gatewayUrl}/api/v1/openrouter/chat/completions`,
 *   { method: "POST", body: JSON.stringify({ model: "openai/gpt-4o-mini", messages: [] }) },
 * );
 * ```
 *
 * Source: protocol.md, "Authentication".
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** What signs: a DID and the use of its key. Wallets and hardware implement it themselves. */
export interface Identity {
  readonly did: string;
  /** How `sign` signs: a JWS algorithm, or Ethereum's `personal_sign` for did:pkh. */
  readonly algorithm: "EdDSA" | "ES256" | "ES256K" | "EIP-191";
  /** Signs bytes; gives 64 raw bytes (R ‖ S, or r ‖ s), for EIP-191 65 (r ‖ s ‖ v). */
  sign(message: Bytes): Promise<Bytes>;
}

/** An identity whose key WebCrypto holds; store `keyPair` in IndexedDB or export it as a JWK. */
export interface WebCryptoIdentity extends Identity {
  readonly keyPair: CryptoKeyPair;
}

/** The key types that every WebCrypto has. */
export type WebCryptoKeyType = "ed25519" | "p256";

const KEY_TYPES = {
  ed25519: {
    kty: "OKP",
    curve: "Ed25519",
    algorithm: "EdDSA",
    key: { name: "Ed25519" },
    signature: { name: "Ed25519" },
    multicodec: [0xed, 0x01],
  },
  p256: {
    kty: "EC",
    curve: "P-256",
    algorithm: "ES256",
    key: { name: "ECDSA", namedCurve: "P-256" },
    signature: { name: "ECDSA", hash: "SHA-256" },
    multicodec: [0x80, 0x24],
  },
} as const;

type KeyTypeEntry = typeof KEY_TYPES[WebCryptoKeyType];

/**
 * Makes a new key and its did:key.
 *
 * @param extractable whether the private key can be exported; leave it false where the key stays
 */
export async function createIdentity(
  type: WebCryptoKeyType = "ed25519",
  extractable = false,
): Promise<WebCryptoIdentity> {
  const { key } = KEY_TYPES[type];
  // Both algorithms make pairs; the overloads cannot tell for a union of them.
  const keyPair = await crypto.subtle.generateKey(key, extractable, ["sign", "verify"]);
  return await identityFromKeyPair(keyPair as CryptoKeyPair);
}

/**
 * Takes an identity from a private JWK (OKP Ed25519 or EC P-256, RFC 7517 and 8037).
 *
 * @param did for a did:jwk or did:web of this key; its did:key unless given
 * @throws {TypeError} when the JWK is no such key, its halves do not match, or a did:key is another's
 */
export async function importIdentity(jwk: JsonWebKey, did?: string): Promise<WebCryptoIdentity> {
  const type = Object.values(KEY_TYPES).find((t) => t.kty === jwk.kty && t.curve === jwk.crv);
  if (type === undefined || !jwk.d || !jwk.x) {
    throw new TypeError("expected a private JWK of type OKP Ed25519 or EC P-256");
  }
  // Only what makes the key: members such as `use` or `key_ops` can forbid the import.
  const publicJwk: JsonWebKey = { kty: type.kty, crv: type.curve, x: jwk.x };
  if (jwk.y) publicJwk.y = jwk.y;
  const privateJwk = { ...publicJwk, d: jwk.d };
  const keyPair = {
    privateKey: await crypto.subtle.importKey("jwk", privateJwk, type.key, false, ["sign"]),
    publicKey: await crypto.subtle.importKey("jwk", publicJwk, type.key, true, ["verify"]),
  };
  const identity = await identityFromKeyPair(keyPair, did);
  const probe = utf8("llm-gateway: do the halves of this key match?");
  const signature = await identity.sign(probe);
  if (!await crypto.subtle.verify(type.signature, keyPair.publicKey, signature, probe)) {
    throw new TypeError("the JWK's private and public parts are not of the same key");
  }
  return identity;
}

/**
 * Takes an identity from a WebCrypto key pair, e.g. a non-extractable one kept in IndexedDB.
 *
 * @param did for a did:jwk or did:web of this key; its did:key unless given
 * @throws {TypeError} when the pair is neither Ed25519 nor P-256, or a given did:key is another's
 */
export async function identityFromKeyPair(
  keyPair: CryptoKeyPair,
  did?: string,
): Promise<WebCryptoIdentity> {
  const publicJwk = await crypto.subtle.exportKey("jwk", keyPair.publicKey);
  const type = Object.values(KEY_TYPES).find((t) => t.curve === publicJwk.crv);
  if (type === undefined) throw new TypeError("expected an Ed25519 or P-256 key pair");
  const didKey = didKeyOf(publicKeyBytes(type, publicJwk), type.multicodec);
  if (did?.startsWith("did:key:") && did !== didKey) {
    throw new TypeError(`the key belongs to ${didKey}, not to ${did}`);
  }
  return {
    did: did ?? didKey,
    algorithm: type.algorithm,
    keyPair,
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign(type.signature, keyPair.privateKey, message)),
  };
}

/** What a request's signature covers. */
export interface RequestToSign {
  /** The gateway's `GATEWAY_AUDIENCE`; by default its public URL. */
  audience: string;
  method: string;
  /** Path and query after the function's name, as sent: `/api/v1/usage?group_by=day`. */
  path: string;
  /** The raw body; none is the same as an empty one. */
  body?: Bytes | string | undefined;
  /** Unix time in seconds (10 digits) or milliseconds (13 digits); now unless given. */
  timestamp?: number | undefined;
  /** At most 64 characters of `[A-Za-z0-9_-]`; random unless given. */
  nonce?: string | undefined;
}

/** The headers that carry a signed request. */
export type SignedHeaders = Record<
  "x-did" | "x-did-timestamp" | "x-did-nonce" | "x-did-signature",
  string
>;

/** Signs one request. Each result is accepted once (but for GET and HEAD) and for 300 s. */
export async function signRequest(
  identity: Identity,
  request: RequestToSign,
): Promise<SignedHeaders> {
  const { audience, method, path, body = "" } = request;
  const timestamp = String(request.timestamp ?? nowSeconds());
  const nonce = request.nonce ?? crypto.randomUUID();
  const bytes = typeof body === "string" ? utf8(body) : body;
  const message = [
    "llm-gateway:v1",
    audience,
    identity.did,
    timestamp,
    nonce,
    method.toUpperCase(),
    path,
    hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))),
  ].join("\n");
  const signature = await identity.sign(utf8(message));
  return {
    "x-did": identity.did,
    "x-did-timestamp": timestamp,
    "x-did-nonce": nonce,
    "x-did-signature": identity.algorithm === "EIP-191"
      ? `0x${hex(signature)}`
      : base64url(signature),
  };
}

/** Where the gateway is. */
export interface GatewayLocation {
  /** The function's URL: `https://<ref>.supabase.co/functions/v1/openrouter-proxy`. */
  gatewayUrl: string;
  /** The gateway's `GATEWAY_AUDIENCE`, where it is not `gatewayUrl`. */
  audience?: string | undefined;
  /** What sends; the global `fetch` unless given. */
  fetch?: typeof fetch | undefined;
}

/**
 * A `fetch` that signs what it sends to the gateway, anew each time it is called, so that an SDK's
 * retries are signed as well. Bodies of any kind are read into memory first: the signature covers
 * their bytes.
 *
 * The function that comes back throws a {@linkcode TypeError} for a URL outside the gateway, since
 * a signature is nobody else's business.
 */
export function signedFetch(identity: Identity, gateway: GatewayLocation): typeof fetch {
  const gatewayUrl = new URL(gateway.gatewayUrl).href.replace(/\/+$/, "");
  const audience = gateway.audience ?? gatewayUrl;
  return async (input: RequestInfo | URL, init?: RequestInit) => {
    // Node wants `duplex` with a stream as body, and TypeScript's RequestInit lacks it.
    const complete: RequestInit & { duplex: "half" } = { ...init, duplex: "half" };
    const request = new Request(input, complete);
    const url = request.url.replace(/#.*$/, "");
    if (!url.startsWith(`${gatewayUrl}/`)) {
      throw new TypeError(`not signing a request to ${url}: it is outside ${gatewayUrl}`);
    }
    const body = new Uint8Array(await request.arrayBuffer());
    const signed = await signRequest(identity, {
      audience,
      method: request.method,
      path: url.slice(gatewayUrl.length),
      body,
    });
    const headers = new Headers(request.headers);
    for (const [name, value] of Object.entries(signed)) headers.set(name, value);
    const bodyless = request.method === "GET" || request.method === "HEAD";
    const send = gateway.fetch ?? fetch;
    return await send(new Request(request, bodyless ? { headers } : { headers, body }));
  };
}

/** What a DID token says. */
export interface TokenClaims {
  /** The gateway's `GATEWAY_AUDIENCE`; by default its public URL. */
  audience: string;
  /** Life of the token in seconds; gateways accept 3600 at most unless told otherwise. */
  ttlSeconds?: number | undefined;
  /** Unix time in seconds; now unless given. */
  issuedAt?: number | undefined;
}

/**
 * A JWT signed by the DID's own key, to be sent as `Authorization: Bearer`: the `apiKey` of any
 * OpenAI SDK. Whoever holds it can spend until it expires; a signed request is the safer carrier.
 *
 * @throws {TypeError} for did:pkh, whose keys sign no tokens
 */
export async function createDidToken(identity: Identity, claims: TokenClaims): Promise<string> {
  if (identity.algorithm === "EIP-191") {
    throw new TypeError("a did:pkh identity cannot sign tokens; sign each request instead");
  }
  const { audience, ttlSeconds = 3600, issuedAt = nowSeconds() } = claims;
  const parts = [
    { alg: identity.algorithm, typ: "JWT" },
    { iss: identity.did, aud: audience, iat: issuedAt, exp: issuedAt + ttlSeconds },
  ];
  const input = parts.map((part) => base64url(utf8(JSON.stringify(part)))).join(".");
  return `${input}.${base64url(await identity.sign(utf8(input)))}`;
}

/** did:key of a public key's bytes (compressed, for EC) behind its multicodec prefix. */
export function didKeyOf(publicKey: Bytes, multicodec: readonly number[]): string {
  return `did:key:z${base58btc(Uint8Array.of(...multicodec, ...publicKey))}`;
}

/** The 32 bytes of an Ed25519 key, the 33 of a compressed P-256 point (SEC 1, 2.3.3). */
function publicKeyBytes(type: KeyTypeEntry, jwk: JsonWebKey): Bytes {
  const x = fromBase64url(jwk.x ?? "");
  if (type.kty === "OKP") return x;
  const odd = (fromBase64url(jwk.y ?? "").at(-1) ?? 0) & 1;
  return Uint8Array.of(2 + odd, ...x);
}

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

function base58btc(bytes: Bytes): string {
  let rest = BigInt(`0x${hex(bytes)}`);
  let text = "";
  for (; rest > 0n; rest /= 58n) text = BASE58.charAt(Number(rest % 58n)) + text;
  const leadingZeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(leadingZeros < 0 ? bytes.length : leadingZeros) + text;
}

/** Unpadded base64url (RFC 4648, section 5). */
export function base64url(bytes: Bytes): string {
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text: string): Bytes {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
