import assert from "node:assert/strict";
import fc from "fast-check";
import { cursorAfter, placeOf } from "./cursor.ts";

const PLACE = {
  requestTime: "2026-11-27T10:30:00.123456Z",
  id: "0191e0a4-0000-7000-8000-0123456789ab",
};

Deno.test("a cursor says nothing to its bearer, and leads back to where it was made", () => {
  const cursor = cursorAfter(PLACE);
  assert.match(cursor, /^[A-Za-z0-9_-]{32}$/);
  assert.deepEqual(placeOf(cursor), PLACE);
});

Deno.test("every microsecond and id comes back from its cursor", () => {
  const times = fc.tuple(
    fc.date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
    fc.nat(999),
  ).map(([date, micros]) => date.toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`));
  fc.assert(fc.property(times, fc.uuid(), (requestTime, id) => {
    assert.deepEqual(placeOf(cursorAfter({ requestTime, id })), { requestTime, id });
  }));
});

Deno.test("a cursor leads to the last microsecond that RFC 3339 can write, and not beyond", () => {
  const last = { ...PLACE, requestTime: "9999-12-31T23:59:59.999000Z" };
  assert.deepEqual(placeOf(cursorAfter(last)), last);
  const beyond = cursorAfter({ ...PLACE, requestTime: "9999-12-31T23:59:59.999001Z" });
  assert.throws(() => placeOf(beyond), { type: "invalid_request" });
});

for (
  const bad of [
    "",
    "0",
    "null",
    "a".repeat(31),
    "a".repeat(33),
    `${"A".repeat(31)}=`,
    `${"A".repeat(31)} `,
    "_".repeat(32),
    "'; drop table request_logs; --",
    "A".repeat(100_000),
  ]
) {
  Deno.test(`${JSON.stringify(bad.slice(0, 40))} is no cursor`, () => {
    assert.throws(() => placeOf(bad), {
      type: "invalid_request",
      message:
        "cursor must be the next_cursor of an answer; leave it out to begin with the newest " +
        "request",
      details: { param: "cursor" },
    });
  });
}

Deno.test("whatever a cursor is, it leads to a place or is refused", () => {
  fc.assert(fc.property(fc.base64String({ maxLength: 40 }), (text) => {
    try {
      placeOf(text);
    } catch (error) {
      assert.equal((error as { type?: string }).type, "invalid_request");
    }
  }));
});
