/** Who may ask: docs/protocol.md, "Authentication". */

const inHeader = (name: string, description: string) => ({
  type: "apiKey",
  in: "header",
  name,
  description,
});

export const SECURITY_SCHEMES = {
  did: inHeader("x-did", "The caller's DID; with x-did-timestamp and x-did-signature."),
  didTimestamp: inHeader("x-did-timestamp", "Unix time in seconds or milliseconds."),
  didSignature: inHeader(
    "x-did-signature",
    "Over the audience, the DID, the timestamp, x-did-nonce (optional), the method, the path and the " +
      "hash of the body: 64 bytes in base64url or hex, or 65 bytes in hex for did:pkh.",
  ),
  httpSignature: inHeader(
    "signature",
    "An RFC 9421 HTTP message signature whose keyid is the DID; with signature-input.",
  ),
  httpSignatureInput: inHeader(
    "signature-input",
    "What the signature covers: @method, @target-uri, and content-digest where there is a body.",
  ),
  didToken: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "A JWT that the DID's key has signed, or a wallet session (siwe.…).",
  },
  didTokenInApiKey: inHeader("x-api-key", "The same, where Anthropic's clients put it."),
  operatorKey: inHeader("apikey", "A secret key of the Supabase project."),
  operatorBearer: {
    type: "http",
    scheme: "bearer",
    description: "A secret key of the Supabase project.",
  },
};

/** Each of these is enough. */
export const BY_DID = [
  { did: [], didTimestamp: [], didSignature: [] },
  { httpSignature: [], httpSignatureInput: [] },
  { didToken: [] },
  { didTokenInApiKey: [] },
];
export const BY_OPERATOR = [{ operatorKey: [] }, { operatorBearer: [] }];
