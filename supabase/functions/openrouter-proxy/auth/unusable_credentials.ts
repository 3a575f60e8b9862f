/**
 * The refusal of a request that nobody has signed: it says what the request carries in place of a
 * signature where that is something people try, and never repeats any of it.
 */
import { GatewayError } from "../errors.ts";
import { parseJwt } from "./did_token.ts";
import { bearerOf } from "./presented_tokens.ts";
import { MAX_TOKEN_LENGTH, tokenRefusal } from "./token.ts";

const INSTEAD =
  "send a DID token (a JWT that the DID's key signs) or a wallet session as Authorization: Bearer " +
  "or in x-api-key, or sign the request (x-did, x-did-timestamp, x-did-signature)";

/** Schemes of `Authorization` that people try, in lower case, and what there is to say of them. */
const SCHEMES: Record<string, string> = {
  dpop: "DPoP (RFC 9449) binds an access token of OAuth's, of which there is none here",
  didauthv1: "DIDAuthV1 is not supported",
  did: "DID as a scheme is not supported",
  basic: "Basic carries a password, of which there is none here",
  digest: "Digest carries a password, of which there is none here",
  signature: "Signature is a draft that RFC 9421 has replaced",
};

/** Beginnings of keys that people send, the longest first. */
const KEYS: readonly [beginning: string, what: string][] = [
  ["sk-or-", "an OpenRouter key, which the gateway has for each DID and no caller sends"],
  ["sk-ant-", "a key of Anthropic's"],
  ["sk-", "a key of OpenAI's kind"],
  ["sb_publishable_", "a publishable key of Supabase's, which belongs into the header apikey"],
  ["sb_secret_", "a secret key of Supabase's, which is the operator's alone"],
];
/** What comes of a header that was sent twice, too: Headers joins them. */
const SEVERAL_WORDS = "more than one word, or was sent twice";
const SUPABASE_ROLES: readonly unknown[] = ["anon", "authenticated", "service_role"];

/**
 * @param headers without `x-did` headers and without a token of ours
 * @param nowSeconds for `server_time`
 */
export function unusableCredentials(headers: Headers, nowSeconds: number): GatewayError {
  const told = [
    ["Authorization: Bearer", bearerOf(headers)],
    ["x-api-key", headers.get("x-api-key")],
  ].filter((pair): pair is [string, string] => Boolean(pair[1]));
  if (told.length > 0) {
    const what = told.map(([where, text]) => `${where} holds ${whatIs(text)}`).join("; ");
    return tokenRefusal("invalid_token", `${what}: no DID token. Instead, ${INSTEAD}`, nowSeconds);
  }
  const seen = schemeSeen(headers);
  const message = seen === null ? INSTEAD : `${seen}. Instead, ${INSTEAD}`;
  return new GatewayError("missing_credentials", message);
}

function whatIs(text: string): string {
  const key = KEYS.find(([beginning]) => text.startsWith(beginning));
  if (key) return key[1];
  if (/\s/.test(text)) return SEVERAL_WORDS;
  if (text.length > MAX_TOKEN_LENGTH) return `over ${MAX_TOKEN_LENGTH} characters`;
  const claims = parseJwt(text)?.claims;
  if (!claims) return "no JWT";
  return SUPABASE_ROLES.includes(claims.role)
    ? `a JWT of Supabase's (${claims.role})`
    : "a JWT whose iss is no DID";
}

function schemeSeen(headers: Headers): string | null {
  const authorization = headers.get("authorization");
  if (headers.has("signature")) {
    // A token of RFC 9651 may hold colons, so that this is no bad syntax.
    const isUnquoted = /; *keyid=did:/.test(headers.get("signature-input") ?? "");
    if (isUnquoted) return "Signature-Input's keyid is a DID without the quotes of a string";
    return "Signature comes without a Signature-Input (RFC 9421) whose keyid is a DID";
  }
  if (authorization === null) {
    return headers.has("apikey") ? "apikey is for Supabase, and says nothing about a DID" : null;
  }
  const scheme = authorization.split(" ")[0]!.toLowerCase();
  if (Object.hasOwn(SCHEMES, scheme)) return SCHEMES[scheme]!;
  if (scheme === "bearer") {
    return `Authorization: Bearer holds ${
      authorization.includes(" ") ? SEVERAL_WORDS : "no token"
    }`;
  }
  return /^(?:eyJ|siwe\.)\S+$/.test(authorization)
    ? "Authorization holds a token without its scheme: send Authorization: Bearer <token>"
    : "Authorization holds no scheme that the gateway knows";
}
