import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { hex } from "@scure/base";
import assert from "node:assert/strict";
import { importEd25519 } from "./ed25519.ts";
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
import { assertRefused } from "../testing/signers.ts";

const { Point } = ed25519;
type CurvePoint = typeof Point.BASE;
const P = 2n ** 255n - 19n;
const L = Point.Fn.ORDER;
const MESSAGE = utf8("a message");

/** Any point of order 8: L times a point with a torsion component leaves that component. */
const GENERATOR_OF_TORSION = Point.fromBytes(
  hex.decode("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
);
const TORSION = Array.from(
  { length: 8 },
  (_, k) => k === 0 ? Point.ZERO : GENERATOR_OF_TORSION.multiplyUnsafe(BigInt(k)),
);

function littleEndian(value: bigint): Bytes {
  return concat(hex.decode(value.toString(16).padStart(64, "0")).reverse());
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex.encode(bytes.slice().reverse())}`);
}

/** Every 32 bytes that a decoder may take for this point: y or y + p, either sign where x = 0. */
function encodings(point: CurvePoint): Bytes[] {
  const { x, y } = point.toAffine();
  const signs = x === 0n ? [0n, 1n] : [x & 1n];
  return [y, y + P].filter((value) => value < 2n ** 255n)
    .flatMap((value) => signs.map((sign) => littleEndian(value | (sign << 255n))));
}

/** A signature by the RFC 8032 equation, for any R = r·B + torsion and A = a·B + torsion. */
function sign(a: bigint, publicKey: Bytes, r: bigint, encodedR: Bytes, message: Bytes): Bytes {
  const k = toInteger(sha512(concat(encodedR, publicKey, message))) % L;
  return concat(encodedR, littleEndian((r + k * a) % L));
}

Deno.test("the torsion subgroup of these tests has the eight points that the curve's has", () => {
  assert.equal(new Set(TORSION.map((point) => point.toHex())).size, 8);
  assert.ok(TORSION.every((point) => point.isSmallOrder()));
});

Deno.test("Ed25519 keys of small order are refused in every encoding", async () => {
  const all = TORSION.flatMap(encodings);
  assert.equal(new Set(all.map((bytes) => hex.encode(bytes))).size, 14);
  for (const key of all) await assertRefused(importEd25519(key), "invalid_did", /small order/);
});

Deno.test("Ed25519 keys with y of p or more are refused", async () => {
  for (let y = P; y < 2n ** 255n; y++) {
    for (const sign of [0n, 1n]) {
      await assertRefused(importEd25519(littleEndian(y | (sign << 255n))), "invalid_did");
    }
  }
});

Deno.test("Ed25519 keys are refused exactly where no point of the curve has their y", async () => {
  let refused = 0;
  for (let y = 2n; y < 200n; y++) {
    const key = littleEndian(y);
    const onCurve = isPoint(key);
    if (onCurve) await importEd25519(key);
    else await assertRefused(importEd25519(key), "invalid_did", /not a point/);
    refused += onCurve ? 0 : 1;
  }
  assert.ok(refused > 60 && refused < 140, `${refused} of 198`);
});

function isPoint(bytes: Bytes): boolean {
  try {
    Point.fromBytes(bytes);
    return true;
  } catch {
    return false;
  }
}

Deno.test("a key with a torsion component verifies what its holder signs, and nothing else", async () => {
  const a = 123456789n;
  const r = 987654321n;
  const encodedR = concat(Point.BASE.multiply(r).toBytes());
  for (const torsion of TORSION.slice(1)) {
    const publicKey = concat(Point.BASE.multiply(a).add(torsion).toBytes());
    const key = await importEd25519(publicKey);
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, i) => {
        const message = utf8(`message ${i}`);
        const signature = sign(a, publicKey, r, encodedR, message);
        const k = toInteger(sha512(concat(encodedR, publicKey, message))) % L;
        // Without the cofactor, the equation holds where k cancels the torsion.
        return key.verify(signature, message)
          .then((verified) => verified === torsion.multiplyUnsafe(k % 8n || 8n).is0());
      }),
    );
    assert.ok(results.every(Boolean));
    const stranger = sign(a + 1n, publicKey, r, encodedR, MESSAGE);
    assert.equal(await key.verify(stranger, MESSAGE), false);
  }
});

Deno.test("R of small order, in any encoding, is refused where the equation holds", async () => {
  const a = 123456789n;
  const publicKey = concat(Point.BASE.multiply(a).add(GENERATOR_OF_TORSION).toBytes());
  const key = await importEd25519(publicKey);
  for (const torsion of TORSION) {
    for (const encodedR of encodings(torsion)) {
      let message: Bytes;
      let k: bigint;
      let attempt = 0;
      do {
        message = utf8(`message ${attempt++}`);
        k = toInteger(sha512(concat(encodedR, publicKey, message))) % L;
      } while (!torsion.add(TORSION[Number(k % 8n)]!).is0());
      const signature = sign(a, publicKey, 0n, encodedR, message);
      const s = toInteger(signature.slice(32));
      const right = torsion.add(Point.fromBytes(publicKey).multiplyUnsafe(k));
      assert.ok(Point.BASE.multiply(s).equals(right));
      assert.equal(await key.verify(signature, message), false, hex.encode(encodedR));
    }
  }
});

Deno.test("S is accepted below L only", async () => {
  const secret = ed25519.utils.randomSecretKey();
  const key = await importEd25519(concat(ed25519.getPublicKey(secret)));
  const signature = concat(ed25519.sign(MESSAGE, secret));
  assert.equal(await key.verify(signature, MESSAGE), true);
  const s = toInteger(signature.slice(32));
  for (let malleated = s + L; malleated < 2n ** 256n; malleated += L) {
    const second = concat(signature.slice(0, 32), littleEndian(malleated));
    assert.equal(await key.verify(second, MESSAGE), false);
  }
});

Deno.test("special values of R and S never verify", async () => {
  const key = await importEd25519(concat(ed25519.getPublicKey(ed25519.utils.randomSecretKey())));
  const specials = [0n, 1n, L - 1n, L, L + 1n, P - 1n, P, P + 1n, 2n ** 256n - 1n].map(
    littleEndian,
  );
  for (const r of specials) {
    for (const s of specials) assert.equal(await key.verify(concat(r, s), MESSAGE), false);
  }
});
