/**
 * Properties over random requests that RFC 9421 signs. The seed is new in each run and printed;
 * `FAST_CHECK_SEED=<seed>` repeats its requests and flips (with new keys), `FAST_CHECK_RUNS=10000`
 * makes as many of each.
 */
import { base64 } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import { GatewayError } from "../../errors.ts";
import { concat, utf8 } from "../../bytes/encodings.ts";
import {
  baseOf,
  type HttpSignatureParts,
  httpSignatureParts,
  httpSignedRequestOf,
} from "../../testing/http_signatures.ts";
import {
  authenticatorWith,
  newSigner,
  NOW,
  type SignedParts,
  type Signer,
  type SignerKind,
} from "../../testing/signers.ts";

const seed = Number(Deno.env.get("FAST_CHECK_SEED") ?? Date.now() % 2 ** 31);
const numRuns = Number(Deno.env.get("FAST_CHECK_RUNS") ?? 500);
console.log(`fast-check seed: ${seed}`);

/** WebCrypto's key types make most of the cases, because secp256k1 takes twenty times as long. */
const KINDS: SignerKind[] = [
  ...Array<SignerKind>(8).fill("did:key Ed25519"),
  ...Array<SignerKind>(4).fill("did:key P-256"),
  ...Array<SignerKind>(4).fill("did:jwk P-256"),
  "did:key secp256k1",
];

const authenticate = authenticatorWith();
const signers = await Promise.all(KINDS.map(newSigner));

const request = fc.record({
  signer: fc.constantFrom(...signers),
  created: fc.integer({ min: NOW - 300, max: NOW + 60 }),
  nonce: fc.option(fc.stringMatching(/^[ !#-[\]-~]{0,40}$/)),
  label: fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,10}$/),
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
  path: fc.stringMatching(/^\/api\/v1\/[A-Za-z0-9/._~%&=-]{0,40}(\?[A-Za-z0-9/._~%?&=-]{0,30})?$/),
  body: fc.string({ unit: "binary" }),
  note: fc.option(fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/)),
});
type Case = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

async function partsOf(
  { signer, created, nonce, method, path, body, note }: Case,
): Promise<HttpSignatureParts> {
  const parts = await httpSignatureParts(signer, {
    method,
    path,
    body,
    headers: note === null ? {} : { "x-note": note },
    parameters: `;created=${created}${nonce === null ? "" : `;nonce="${nonce}"`}` +
      `;keyid="${signer.did}"`,
  });
  if (note !== null) parts.covered['"x-note"'] = note;
  return parts;
}

async function sent(signer: Signer, label: string, parts: HttpSignatureParts) {
  const signed = httpSignedRequestOf(parts, await signer.sign(baseOf(parts)));
  for (const name of ["signature", "signature-input"]) {
    signed.headers.set(name, signed.headers.get(name)!.replace("sig1", label));
  }
  return signed;
}

Deno.test("every correct HTTP signature is accepted as its signer's", async () => {
  const property = fc.asyncProperty(request, async (one) => {
    const { did } = await authenticate(await sent(one.signer, one.label, await partsOf(one)));
    assert.equal(did, one.signer.did);
  });
  await fc.assert(property, { numRuns, seed });
});

const FIELDS = [
  "method",
  "path",
  "body",
  "signature",
  "signature-input",
  "content-digest",
  "x-note",
] as const;

Deno.test("no HTTP signature is accepted with one bit flipped of what it signs, or of itself", async () => {
  let flips = 0;
  const property = fc.asyncProperty(
    request,
    fc.constantFrom(...FIELDS),
    fc.nat(),
    async (one, field, position) => {
      const changed = flipped(
        await sent(one.signer, one.label, await partsOf(one)),
        field,
        position,
      );
      if (changed === null) return;
      flips++;
      await assert.rejects(
        authenticate(changed),
        (error) => error instanceof GatewayError && error.status < 500,
        `${JSON.stringify([...changed.headers])}, ${field}, bit ${position}`,
      );
    },
  );
  await fc.assert(property, { numRuns, seed });
  assert.ok(flips >= numRuns * 0.6, `${flips} flips could be sent`);
});

/** The request with that bit of that field flipped; null where there is none, or HTTP forbids it. */
function flipped(
  sent: SignedParts,
  field: typeof FIELDS[number],
  position: number,
): SignedParts | null {
  if (field === "body") {
    return sent.body.length === 0 ? null : { ...sent, body: flipBit(sent.body, position) };
  }
  if (field === "method") return { ...sent, method: flipCharacter(sent.method, position) };
  if (field === "path") {
    return { ...sent, pathAndQuery: flipCharacter(sent.pathAndQuery, position) };
  }
  const value = sent.headers.get(field);
  if (value === null) return null;
  const headers = new Headers(sent.headers);
  try {
    headers.set(field, flipCharacter(value, position));
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return null;
  }
  return { ...sent, headers };
}

/** Eight-bit text is no header value: the highest bit of each character stays. */
function flipCharacter(text: string, position: number): string {
  const index = position % (text.length * 7);
  const bytes = flipBit(utf8(text), Math.floor(index / 7) * 8 + index % 7);
  return new TextDecoder().decode(bytes);
}

function flipBit(bytes: Uint8Array, position: number) {
  const copy = concat(bytes);
  const bit = position % (copy.length * 8);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

Deno.test("whatever stands in the fields, the answer is a refusal", async () => {
  const text = fc.string({ unit: fc.constantFrom(...'"@method:;=,()\\ a1.?*%_-'), maxLength: 60 });
  const { headers, ...head } = await sent(
    signers[0]!,
    "sig1",
    await httpSignatureParts(signers[0]!),
  );
  const property = fc.asyncProperty(text, text, text, async (list, parameters, signature) => {
    const changed = new Headers(headers);
    changed.set("signature-input", `sig1=(${list})${parameters};keyid="${signers[0]!.did}"`);
    changed.set("signature", `sig1=:${base64.encode(new Uint8Array(64))}:${signature}`);
    await assert.rejects(
      authenticate({ ...head, headers: changed }),
      (error) => error instanceof GatewayError && error.status < 500,
    );
  });
  await fc.assert(property, { numRuns, seed });
});
