import assert from "node:assert/strict";
import { bodyLimits } from "./body_limits.ts";

const [KIB, MIB] = [1024, 1024 * 1024];

for (const maxMib of [0, 1, 20, 24, 100]) {
  Deno.test(`beside what one kind of sender holds, there is room for a body of ${maxMib} MiB and 64 KiB`, () => {
    const max = maxMib * MIB;
    const { bytes, bytesOfKind, slots, slotsOfKind } = bodyLimits(max);
    assert.equal(bytes - bytesOfKind, max + 64 * KIB);
    assert.equal(bytes, Math.max(48 * MIB, 2 * (max + 64 * KIB)));
    assert.ok(slotsOfKind < slots);
    // Bodies that stall take slots before they take all bytes, unless a largest body is larger than usual.
    if (maxMib <= 24) assert.ok(slotsOfKind * 64 * KIB <= bytesOfKind);
  });
}
