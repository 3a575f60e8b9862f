import assert from "node:assert/strict";
import { storable } from "./storable.ts";

Deno.test("a text has 256 characters at most, unless more are asked for", () => {
  assert.equal(storable("x".repeat(300)).length, 256);
  assert.equal(storable("x".repeat(300), 280).length, 280);
});

Deno.test("a bounded text is not cut inside a character", () => {
  assert.equal(storable(`${"x".repeat(255)}🙂`), `${"x".repeat(255)}\ufffd`);
});

Deno.test("a text keeps the control characters alone that JSON has short escapes for", () => {
  const controls = String.fromCharCode(...Array(32).keys());
  assert.equal(storable(`a${controls}b`), "a\b\t\n\f\rb");
});
