/**
 * Identities, signed requests and tokens for the LLM gateway: browsers, Node 20 or newer, Deno. It
 * needs nothing but the Web platform (WebCrypto and fetch); secp256k1 is loaded when it is used.
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
 * Source: docs/protocol.md, "Authentication".
 */
export { createDidToken, type TokenClaims } from "./did_token.ts";
export { base64url } from "./encodings.ts";
export { type HttpSignatureHeaders, signHttpMessage } from "./http_signature.ts";
export type { Identity } from "./identity.ts";
export {
  createIdentityRecord,
  didOf,
  generateKey,
  identityOf,
  type IdentityRecord,
  type KeyMethod,
  type KeyType,
  type NewIdentity,
  type PrivateJwk,
} from "./identity_record.ts";
export { type GatewayLocation, httpSignatureFetch, signedFetch } from "./signed_fetch.ts";
export { type RequestToSign, type SignedHeaders, signRequest } from "./signed_request.ts";
export { type TokenSource, tokenSource, type TokenSourceOptions } from "./token_source.ts";
export { type Eip1193Provider, walletIdentity } from "./wallet_identity.ts";
export { createWalletSession, type WalletSessionClaims } from "./wallet_session.ts";
export {
  createIdentity,
  identityFromKeyPair,
  importIdentity,
  type WebCryptoIdentity,
  type WebCryptoKeyType,
} from "./web_crypto_identity.ts";
