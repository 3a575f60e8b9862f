/** What is told to those who present something else than a token, or nothing. */
import { testRefusals } from "../testing/refusals.ts";
import { authenticatorWith, newSigner, requestWith, signedToken } from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");

const sender = (headers: Record<string, string>) => async () =>
  await authenticate(requestWith(headers));
const INSTEAD =
  "send a DID token (a JWT that the DID's key signs) or a wallet session as Authorization: Bearer " +
  "or in x-api-key, or sign the request (x-did, x-did-timestamp, x-did-signature)";

testRefusals([
  ["nothing", sender({}), INSTEAD],
  [
    "DPoP",
    sender({ authorization: "DPoP x" }),
    `DPoP (RFC 9449) binds an access token of OAuth's, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "DIDAuthV1",
    sender({ authorization: "DIDAuthV1 x" }),
    `DIDAuthV1 is not supported. Instead, ${INSTEAD}`,
  ],
  [
    "DID as a scheme",
    sender({ authorization: "DID x" }),
    `DID as a scheme is not supported. Instead, ${INSTEAD}`,
  ],
  [
    "Basic",
    sender({ authorization: "Basic x" }),
    `Basic carries a password, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "Digest",
    sender({ authorization: "Digest x" }),
    `Digest carries a password, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "the scheme Signature",
    sender({ authorization: "Signature x" }),
    `Signature is a draft that RFC 9421 has replaced. Instead, ${INSTEAD}`,
  ],
  [
    "an unknown scheme",
    sender({ authorization: "Negotiate x" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "a token without its scheme",
    sender({ authorization: "eyJx" }),
    `Authorization holds a token without its scheme: send Authorization: Bearer <token>. Instead, ${INSTEAD}`,
  ],
  [
    "the beginning of a token alone",
    sender({ authorization: "eyJ" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "a text that begins as a token",
    sender({ authorization: "eyJx y" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "Bearer alone",
    sender({ authorization: "Bearer" }),
    `Authorization: Bearer holds no token. Instead, ${INSTEAD}`,
  ],
  [
    "Signature without its input",
    sender({ signature: "x" }),
    `Signature comes without a Signature-Input (RFC 9421) whose keyid is a DID. Instead, ${INSTEAD}`,
  ],
  [
    "apikey alone",
    sender({ apikey: "x" }),
    `apikey is for Supabase, and says nothing about a DID. Instead, ${INSTEAD}`,
  ],
  [
    "an OpenRouter key",
    sender({ "x-api-key": "sk-or-x" }),
    `x-api-key holds an OpenRouter key, which the gateway has for each DID and no caller sends: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a key of Anthropic's",
    sender({ "x-api-key": "sk-ant-x" }),
    `x-api-key holds a key of Anthropic's: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a key of OpenAI's",
    sender({ "x-api-key": "sk-x" }),
    `x-api-key holds a key of OpenAI's kind: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a publishable key",
    sender({ "x-api-key": "sb_publishable_x" }),
    `x-api-key holds a publishable key of Supabase's, which belongs into the header apikey: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a secret key",
    sender({ "x-api-key": "sb_secret_x" }),
    `x-api-key holds a secret key of Supabase's, which is the operator's alone: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of anon",
    async () =>
      await sender({ "x-api-key": await signedToken(signer, { iss: "x", role: "anon" }) })(),
    `x-api-key holds a JWT of Supabase's (anon): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of a user",
    async () =>
      await sender({
        "x-api-key": await signedToken(signer, { iss: "x", role: "authenticated" }),
      })(),
    `x-api-key holds a JWT of Supabase's (authenticated): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of service_role",
    async () =>
      await sender({
        "x-api-key": await signedToken(signer, { iss: "x", role: "service_role" }),
      })(),
    `x-api-key holds a JWT of Supabase's (service_role): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of nobody's",
    async () => await sender({ "x-api-key": await signedToken(signer, { iss: "x" }) })(),
    `x-api-key holds a JWT whose iss is no DID: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "4096 characters",
    sender({ "x-api-key": "x".repeat(4096) }),
    `x-api-key holds no JWT: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "over 4096 characters",
    sender({ "x-api-key": "x".repeat(4097) }),
    `x-api-key holds over 4096 characters: no DID token. Instead, ${INSTEAD}`,
  ],
]);
