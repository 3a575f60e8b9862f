import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { FAULTS, Faults } from "./faults.ts";

Deno.test("every fault has a row in the documentation, and every row a fault", async () => {
  const source = await readFile(new URL("./faults.ts", import.meta.url), "utf8");
  const rows = [...source.matchAll(/^ \* \| `([a-z0-9-]+)/gm)].map(([, name]) => name);
  assert.deepEqual(rows.toSorted(), Object.keys(FAULTS).toSorted());
});

Deno.test("faults combine by comma, and the later specification wins", () => {
  const faults = Faults.parse("slow:20, error:rate_limited:3", undefined, "slow:5,drop");
  assert.equal(faults.number("slow"), 5);
  assert.equal(faults.text("error"), "rate_limited:3");
  assert.equal(faults.text("drop"), "");
  assert.equal(faults.number("drop"), undefined);
  assert.equal(faults.has("gzip"), false);
});

Deno.test("an unknown fault or a bad argument is a 400", () => {
  for (const bad of ["slwo:1", "slow", "slow:fast", "status:200", "gzip:9", "constructor"]) {
    assert.throws(() => Faults.parse(bad), { status: 400 }, bad);
  }
});
