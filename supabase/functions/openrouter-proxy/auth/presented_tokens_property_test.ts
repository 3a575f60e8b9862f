/** Properties over random DID tokens and wallet sessions. */
import { base64urlnopad } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { casesOf, flipBit, seed } from "../testing/properties.ts";
import {
  AUDIENCE,
  authenticatorWith,
  newSigner,
  NOW,
  requestWith,
  signedToken,
  type Signer,
  type SignerKind,
} from "../testing/signers.ts";
import { instant, type SiweFields, walletSession } from "../testing/wallet_sessions.ts";

console.log(`fast-check seed: ${seed}`);

const authenticate = authenticatorWith();
const KEYS_OF_EACH_KIND = 4;

/** WebCrypto's key types make most of the cases, because the others take twenty times as long. */
const WEIGHTS: Partial<Record<SignerKind, number>> = {
  "did:key Ed25519": 6,
  "did:jwk Ed25519": 4,
  "did:key P-256": 4,
  "did:jwk P-256": 4,
  "did:key secp256k1": 1,
  "did:jwk secp256k1": 1,
};

async function signersOf(kind: SignerKind): Promise<fc.Arbitrary<Signer>> {
  const made = await Promise.all(Array.from({ length: KEYS_OF_EACH_KIND }, () => newSigner(kind)));
  return fc.constantFrom(...made);
}

/** Seconds after NOW, or before it. */
const issued = fc.integer({ min: -3000, max: 60 });
const didToken = fc.record({
  signer: fc.oneof(
    ...await Promise.all(
      Object.entries(WEIGHTS).map(async ([kind, weight]) => ({
        weight,
        arbitrary: await signersOf(kind as SignerKind),
      })),
    ),
  ),
  issued,
  aud: fc.constantFrom<unknown>(AUDIENCE, [AUDIENCE]),
  typ: fc.constantFrom(undefined, "JWT", "jwt", "application/jwt"),
  further: fc.dictionary(fc.stringMatching(/^x_[a-z]{1,8}$/), fc.jsonValue(), { maxKeys: 3 }),
}).map(({ signer, issued, aud, typ, further }) => ({
  signer,
  make: () =>
    signedToken(signer, { aud, iat: NOW + issued, exp: NOW + issued + 3600, ...further }, { typ }),
}));

const walletSessions = fc.record({
  signer: await signersOf("did:pkh"),
  issued,
  fields: fc.record<SiweFields>({
    nonce: fc.stringMatching(/^[A-Za-z0-9]{8,40}$/),
    scheme: fc.constantFrom(undefined, "https"),
    statement: fc.option(fc.stringMatching(/^[A-Za-z0-9._~:/?#@!$&'()*+,;= -]{0,60}$/), {
      nil: undefined,
    }),
    requestId: fc.option(fc.stringMatching(/^[A-Za-z0-9._~-]{0,20}$/), { nil: undefined }),
    resources: fc.constantFrom(undefined, [], [AUDIENCE]),
  }),
}).map(({ signer, issued, fields }) => ({
  signer,
  make: () =>
    walletSession(signer, {
      issuedAt: instant(NOW + issued),
      expirationTime: instant(NOW + issued + 86_400),
      ...fields,
    }),
}));

const CARRIERS = [
  { name: "DID token", arbitrary: didToken, usual: 1_000, parts: [0, 1, 2] },
  { name: "wallet session", arbitrary: walletSessions, usual: 200, parts: [1, 2] },
];

function presenting(token: string, inApiKey: boolean) {
  const bearer: Record<string, string> = { authorization: `Bearer ${token}` };
  return requestWith(inApiKey ? { "x-api-key": token } : bearer);
}

for (const { name, arbitrary, usual, parts } of CARRIERS) {
  Deno.test(`every correctly signed ${name} is accepted as its signer's`, async () => {
    const property = fc.asyncProperty(
      arbitrary,
      fc.boolean(),
      async ({ signer, make }, inApiKey) => {
        const { did } = await authenticate(presenting(await make(), inApiKey));
        assert.equal(did, signer.did);
      },
    );
    await fc.assert(property, { numRuns: casesOf(usual), seed });
  });

  Deno.test(`no ${name} is accepted with one bit flipped after signing`, async () => {
    const property = fc.asyncProperty(
      arbitrary,
      fc.constantFrom(...parts, "text" as const),
      fc.nat(),
      async ({ make }, part, position) => {
        const token = await make();
        const flipped = part === "text"
          ? flippedText(token, position)
          : flippedPart(token, part, position);
        if (flipped === null) return;
        await assert.rejects(
          authenticate(presenting(flipped, false)),
          (error) => error instanceof GatewayError && error.status < 500,
          `${token}, ${part}, bit ${position}`,
        );
      },
    );
    await fc.assert(property, { numRuns: casesOf(usual * 2), seed });
  });
}

/** The bytes of one part with a bit flipped, encoded again. */
function flippedPart(token: string, part: number, position: number): string {
  const texts = token.split(".");
  const bytes = base64urlnopad.decode(texts[part]!);
  return texts.with(part, base64urlnopad.encode(flipBit(bytes, position % (bytes.length * 8))))
    .join(".");
}

/** The token with a bit of one character flipped; null where HTTP forbids that character. */
function flippedText(token: string, position: number): string | null {
  const index = position % (token.length * 7);
  const at = Math.floor(index / 7);
  const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << index % 7));
  // White space at the end is none of a header's value.
  return flipped <= " " || flipped === "\x7f"
    ? null
    : token.slice(0, at) + flipped + token.slice(at + 1);
}
