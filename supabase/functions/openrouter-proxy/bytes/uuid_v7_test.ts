import assert from "node:assert/strict";
import { uuidV7 } from "./uuid_v7.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

Deno.test("uuidV7 has the time of RFC 9562's example in its first 48 bits", () => {
  // RFC 9562 appendix A.6: 2022-02-22 14:22:22 GMT-05:00.
  assert.match(uuidV7(1_645_557_742_000), /^017f22e2-79b0-7/);
});

Deno.test("uuidV7 makes well-formed ids, each another one", () => {
  const ids = Array.from({ length: 1_000 }, () => uuidV7(1_795_370_400_123.9));
  for (const id of ids) assert.match(id, UUID_V7);
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("uuidV7's ids sort by their time", () => {
  const ids = [0, 1, 255, 65_536, 1_645_557_742_000, 281_474_976_710_655].map(uuidV7);
  assert.deepEqual(ids.toSorted(), ids);
});
