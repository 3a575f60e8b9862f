/** Properties over random requests of every kind of signer. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { utf8 } from "../bytes/encodings.ts";
import { casesOf, flipBit, seed } from "../testing/properties.ts";
import {
  authenticatorWith,
  messageOf,
  newSigner,
  NOW,
  type Parts,
  partsOf,
  requestOf,
  signatureText,
  type SignedParts,
  type Signer,
  SIGNER_KINDS,
  type SignerKind,
} from "../testing/signers.ts";

console.log(`fast-check seed: ${seed}`);

const VALID_CASES = casesOf(1_000);
const FLIPPED_CASES = casesOf(3_000);
const KEYS_OF_EACH_KIND = 8;

/** WebCrypto's key types make most of the cases, because the others take twenty times as long. */
const WEIGHTS: Record<SignerKind, number> = {
  "did:key Ed25519": 8,
  "did:key P-256": 5,
  "did:key secp256k1": 1,
  "did:jwk Ed25519": 4,
  "did:jwk P-256": 4,
  "did:jwk secp256k1": 1,
  "did:pkh": 2,
};

const authenticate = authenticatorWith();
const signers = new Map(
  await Promise.all(SIGNER_KINDS.map(async (kind): Promise<[SignerKind, Signer[]]> => [
    kind,
    await Promise.all(Array.from({ length: KEYS_OF_EACH_KIND }, () => newSigner(kind))),
  ])),
);

const signer = fc.oneof(
  ...SIGNER_KINDS.map((kind) => ({
    weight: WEIGHTS[kind],
    arbitrary: fc.nat(KEYS_OF_EACH_KIND - 1).map((i) => signers.get(kind)![i]!),
  })),
);
const parts = fc.record<Partial<Parts>>({
  timestamp: fc.oneof(
    fc.integer({ min: NOW - 300, max: NOW + 60 }).map(String),
    fc.integer({ min: (NOW - 300) * 1000, max: (NOW + 60) * 1000 }).map(String),
  ),
  nonce: fc.stringMatching(/^[A-Za-z0-9_-]{0,64}$/),
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
  path: fc.stringMatching(/^\/api\/v1\/[A-Za-z0-9/._~%?&=-]{0,60}$/),
  body: fc.string({ unit: "binary" }),
});

interface Sent {
  parts: Parts;
  signature: string;
}

async function signed(someone: Signer, changes: Partial<Parts>): Promise<Sent> {
  const all = partsOf(someone, changes);
  return { parts: all, signature: signatureText(await someone.sign(await messageOf(all))) };
}

Deno.test("every correctly signed request is accepted as its signer", async () => {
  const property = fc.asyncProperty(signer, parts, async (someone, changes) => {
    const sent = await signed(someone, changes);
    const { did } = await authenticate(requestOf(sent.parts, sent.signature));
    assert.equal(did, someone.did);
  });
  await fc.assert(property, { numRuns: VALID_CASES, seed });
});

const FIELDS = ["did", "signature", "timestamp", "nonce", "method", "path", "body"] as const;
type Field = typeof FIELDS[number];

Deno.test("no request is accepted with one bit flipped after signing", async () => {
  let flips = 0;
  const property = fc.asyncProperty(
    signer,
    parts,
    fc.constantFrom(...FIELDS),
    fc.nat(),
    async (someone, changes, field, position) => {
      const sent = await signed(someone, changes);
      const request = flipped(sent, field, position);
      if (request === null) return;
      flips++;
      await assert.rejects(
        authenticate(request),
        (error) => error instanceof GatewayError && error.status < 500,
        `${JSON.stringify(sent)}, ${field}, bit ${position}`,
      );
    },
  );
  await fc.assert(property, { numRuns: FLIPPED_CASES, seed });
  assert.ok(flips >= FLIPPED_CASES * 7 / 9, `${flips} flips could be sent`);
});

/** The request with that bit of that field flipped; null where it is the same, or HTTP forbids it. */
function flipped(sent: Sent, field: Field, position: number): SignedParts | null {
  if (field === "body") {
    const request = requestOf(sent.parts, sent.signature);
    return request.body.length === 0
      ? null
      : { ...request, body: flipBit(request.body, position % (request.body.length * 8)) };
  }
  const text = field === "signature" ? sent.signature : sent.parts[field];
  if (text === "") return null;
  const bits = utf8(text);
  // Eight-bit text is no header value: the highest bit of each character stays.
  const index = position % (text.length * 7);
  const changed = new TextDecoder().decode(
    flipBit(bits, Math.floor(index / 7) * 8 + index % 7),
  );
  // Methods and hex digits are read without regard to case: that flip changes no meaning.
  const sameMeaning = (field === "method" || text.startsWith("0x")) &&
    changed.toLowerCase() === text.toLowerCase();
  if (sameMeaning) return null;
  try {
    return field === "signature"
      ? requestOf(sent.parts, changed)
      : requestOf({ ...sent.parts, [field]: changed }, sent.signature);
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return null;
  }
}
