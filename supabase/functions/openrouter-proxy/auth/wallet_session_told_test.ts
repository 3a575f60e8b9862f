/** What the refusals of wallet sessions tell. */
import { testRefusals } from "../testing/refusals.ts";
import {
  AUDIENCE,
  authenticatorWith,
  bearer,
  newSigner,
  NOW,
  requestWith,
} from "../testing/signers.ts";
import {
  instant,
  sessionFields,
  sessionOf,
  type SiweFields,
  siweMessage,
  walletSession,
} from "../testing/wallet_sessions.ts";

const authenticate = authenticatorWith();
const account = await newSigner("did:pkh");

const sender = (headers: Record<string, string>) => async () =>
  await authenticate(requestWith(headers));
const session = (changes: SiweFields) => async () =>
  await authenticate(bearer(await walletSession(account, changes)));

testRefusals([
  [
    "a session for another domain",
    session({ domain: "a.example" }),
    "the wallet session's domain must be gateway.example; it is a.example",
  ],
  [
    "a session of another scheme",
    session({ scheme: "http" }),
    "the wallet session's scheme must be https, or absent",
  ],
  [
    "a session for another URI",
    session({ uri: `${AUDIENCE}/` }),
    "the wallet session's URI must be exactly https://gateway.example/functions/v1/openrouter-proxy; it is https://gateway.example/functions/v1/openrouter-proxy/",
  ],
  [
    "a session with other resources",
    session({ resources: [AUDIENCE, "https://a.example"] }),
    "the wallet session's Resources may be https://gateway.example/functions/v1/openrouter-proxy alone",
  ],
  [
    "a session of an address in lower case",
    session({ address: `0x${"ab".repeat(20)}` }),
    "the wallet session's address is not in EIP-55 spelling",
  ],
  [
    "a session without an end",
    session({ expirationTime: undefined }),
    "the wallet session needs Issued At and Expiration Time, as RFC 3339 has them",
  ],
  [
    "a session whose beginning is no time",
    session({ notBefore: "soon" }),
    "the wallet session's Not Before is not as RFC 3339 has it",
  ],
  [
    "a session from the future",
    session({ issuedAt: instant(NOW + 61) }),
    "Issued At is in the future",
  ],
  [
    "a session of a later time",
    session({ notBefore: instant(NOW + 61) }),
    "Not Before is in the future",
  ],
  [
    "a session that lives too long",
    session({ expirationTime: instant(NOW + 86_401) }),
    "Expiration Time must be after Issued At by at most 86400 s",
  ],
  [
    "a session that is no message",
    sender({ authorization: "Bearer siwe.AAAA.AAAA" }),
    "the wallet session's message is not as EIP-4361 has it",
  ],
  [
    "a session of one part",
    sender({ authorization: "Bearer siwe.AAAA" }),
    "a wallet session is siwe.<message>.<signature>, both in base64url without padding",
  ],
  [
    "a session that is too long",
    sender({ authorization: `Bearer siwe.${"A".repeat(4096)}` }),
    "a wallet session has at most 4096 characters",
  ],
  [
    "a session signed in hex",
    sender({ authorization: `Bearer siwe.AAAA.0x${"0".repeat(130)}` }),
    "the wallet session's signature is in hex: write its 65 bytes in base64url without padding",
  ],
  [
    "a session of a smart account",
    async () => {
      const message = siweMessage(sessionFields(account));
      await authenticate(bearer(sessionOf(message, new Uint8Array(66))));
    },
    "the wallet session's signature has 66 bytes, not 65. Smart accounts (ERC-1271, ERC-6492) are not supported: sign with an account that has a private key",
  ],
  [
    "a session of another's account",
    async () => {
      const message = siweMessage(sessionFields(account));
      await authenticate(bearer(sessionOf(message, new Uint8Array(65))));
    },
    "the wallet session's signature is not that of its address by personal_sign (EIP-191). Smart accounts (ERC-1271), for which another key signs, are not supported",
  ],
]);
