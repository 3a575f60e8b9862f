import assert from "node:assert/strict";
import { dollars, duration, shortDid, shortDollars, sparkline } from "./figures.ts";

Deno.test("dollars shows more digits of what is small", () => {
  const amounts = ["0", "0.000007765", "0.0123456", "1.005", "1234567.891", "-0.5"];
  assert.deepEqual(amounts.map(dollars), [
    "$0",
    "$0.000008",
    "$0.0123",
    "$1.01",
    "$1,234,567.89",
    "−$0.50",
  ]);
  assert.deepEqual([0, 0.000002, 12, 12_345_678].map(shortDollars), [
    "$0",
    "$0.000002",
    "$12",
    "$12.3M",
  ]);
});

Deno.test("duration is in milliseconds below a second", () => {
  assert.deepEqual([0, 999.4, 1000, 9949, 145_000].map(duration), [
    "0 s",
    "999 ms",
    "1.0 s",
    "9.9 s",
    "145 s",
  ]);
});

Deno.test("sparkline has one character a value, and adds neighbours up where there is no room", () => {
  assert.equal(sparkline([0, 1, 4, 8], 10), " ▂▅█");
  assert.equal(sparkline([1, 1, 2, 2, 0, 0], 3), "▅█ ");
  assert.equal(sparkline([0, 0], 5), "  ");
  assert.equal(sparkline([], 5), "");
});

Deno.test("shortDid leaves out the middle of a long DID", () => {
  assert.equal(shortDid("did:web:a.example"), "did:web:a.example");
  assert.equal(
    shortDid("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),
    "did:key:z6MkhaXg…EGta2doK",
  );
});
