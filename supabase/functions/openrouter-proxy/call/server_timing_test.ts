import assert from "node:assert/strict";
import { serverTiming } from "./server_timing.ts";

Deno.test("serverTiming shows how long each stage took since the one before", () => {
  const times = [100, 101.26, 105, 105];
  const timing = serverTiming(() => times.shift()!);
  assert.equal(timing.header(), "");
  timing.mark("auth");
  timing.mark("admit");
  timing.mark("upstream");
  assert.equal(timing.header(), "auth;dur=1.3, admit;dur=3.7, upstream;dur=0.0");
});
