import assert from "node:assert/strict";
import { tooFarBehind, tooMany, tooSlow } from "./overloaded.ts";

for (
  const [refusal, message] of [
    [tooMany, "the gateway is receiving too many requests at once; try again"],
    [
      tooSlow,
      "the request body came too slowly while the gateway was receiving too many at once; try again",
    ],
    [
      tooFarBehind,
      "too many calls are under way, or wait to be booked; nothing was forwarded, try again",
    ],
  ] as const
) {
  Deno.test(`${refusal.name} is told with when to come back`, () => {
    const { type, headers, message: told } = refusal();
    assert.deepEqual([type, headers, told], ["overloaded", { "retry-after": "1" }, message]);
  });
}
