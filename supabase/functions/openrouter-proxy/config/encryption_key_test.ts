import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { assertProblems, BASE64, config, KEY } from "../testing/environments.ts";

for (
  const good of [
    BASE64,
    BASE64.replace(/=+$/, ""),
    KEY.toString("hex"),
    KEY.toString("hex").toUpperCase(),
  ]
) {
  Deno.test(`an encryption key of ${good.length} characters is taken, as base64 or hex`, () => {
    assert.deepEqual(Buffer.from(config({ API_KEY_ENCRYPTION_KEY: good }).encryptionKey), KEY);
  });
}

for (
  const [what, key] of [
    ["a placeholder", "change-me-to-a-random-value"],
    ["a placeholder that is base64", "your0encryption0key0goes0here0Please0changeMe0now0"],
    ["a placeholder that is base64 of 32 bytes", "REPLACEthisWithARandomKeyOf32Bytes+123456789"],
    ["an example", "exampleExampleKeyABCDEFGHIJKLMNOPQRSTUV012345"],
    ["31 bytes", randomBytes(31).toString("base64")],
    ["31 bytes in hex", randomBytes(31).toString("hex")],
    ["zeros", Buffer.alloc(32).toString("base64")],
    ["zeros in hex", "0".repeat(64)],
    ["a repeated pattern", "deadbeef".repeat(8)],
    [
      "15 bytes that repeat",
      Buffer.from(Array.from({ length: 32 }, (_, i) => i % 15)).toString("hex"),
    ],
    ["lower-case words", "correcthorsebatterystaplecorrecthorsebattery"],
    ["no base64 at all", "ß".repeat(44)],
  ] as const
) {
  Deno.test(`an encryption key that is ${what} is a problem, and the message says how to make one`, () => {
    assertProblems({ API_KEY_ENCRYPTION_KEY: key }, "API_KEY_ENCRYPTION_KEY");
    assert.throws(() => config({ API_KEY_ENCRYPTION_KEY: key }), /make one with/);
  });
}
