import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { assertProblems, config } from "../testing/environments.ts";

/** The members that `supabase gen signing-key --algorithm ES256` prints. */
const JWT_KEY = {
  kty: "EC",
  kid: "7e31a03c-2f95-418c-ab42-fb6b1503ca05",
  use: "sig",
  key_ops: ["sign", "verify"],
  alg: "ES256",
  ext: true,
  d: randomBytes(32).toString("base64url"),
  crv: "P-256",
  x: randomBytes(32).toString("base64url"),
  y: randomBytes(32).toString("base64url"),
};

Deno.test("GATEWAY_JWT_KEY is what supabase gen signing-key prints, on one line or on several", () => {
  for (const text of [JSON.stringify(JWT_KEY), JSON.stringify(JWT_KEY, null, 2)]) {
    const { kty, crv, kid, x, y, d } = JWT_KEY;
    assert.deepEqual(config({ GATEWAY_JWT_KEY: text }).jwtKey, { kty, crv, kid, x, y, d });
  }
});

for (
  const [what, changes] of Object.entries({
    "a public key": { d: undefined },
    "a key without a kid": { kid: undefined },
    "a key with an empty kid": { kid: "" },
    "a key with a kid of two words": { kid: "key 1" },
    "a key with a kid of 257 characters": { kid: "k".repeat(257) },
    "an RSA key": { kty: "RSA", alg: "RS256" },
    "a P-384 key": { crv: "P-384", alg: "ES384" },
    "a key for ECDH": { alg: "ECDH-ES" },
    "a key for encryption": { use: "enc" },
    "a scalar of 31 bytes": { d: "A".repeat(42) },
    "a scalar that is a number": { d: 7 },
    "a padded point": { x: `${"A".repeat(43)}=` },
  })
) {
  Deno.test(`GATEWAY_JWT_KEY of ${what} is a problem`, () => {
    assertProblems(
      { GATEWAY_JWT_KEY: JSON.stringify({ ...JWT_KEY, ...changes }) },
      "GATEWAY_JWT_KEY",
    );
  });
}

Deno.test("GATEWAY_JWT_KEY that is no JSON object is a problem", () => {
  for (const text of ["a legacy secret", `[${JSON.stringify(JWT_KEY)}]`, "null"]) {
    assertProblems({ GATEWAY_JWT_KEY: text }, "GATEWAY_JWT_KEY");
  }
});

Deno.test("GATEWAY_JWT_KEY may do without what is told of it, and have a long kid", () => {
  const { use: _use, key_ops: _ops, alg: _alg, ext: _ext, ...bare } = JWT_KEY;
  const kid = "k".repeat(256);
  const { jwtKey } = config({ GATEWAY_JWT_KEY: JSON.stringify({ ...bare, kid }) });
  assert.equal(jwtKey?.kid, kid);
  assert.equal(config({ GATEWAY_JWT_KEY: JSON.stringify(JWT_KEY) }).jwtKey?.kid, JWT_KEY.kid);
});
