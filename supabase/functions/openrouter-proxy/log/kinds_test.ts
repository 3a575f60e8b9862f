import assert from "node:assert/strict";
import { type Kind, kindOf, type LogEvent, nameOf } from "./kinds.ts";

const KINDS: [event: LogEvent, kind: Kind][] = [
  [{ level: "info", event: "settlement_deferred" }, "entry"],
  [{ level: "error", event: "settlement_incomplete" }, "entry"],
  [{ level: "error", event: "cost_found" }, "failure"],
  [{ level: "warn", event: "request", status: 200 }, "failure"],
  [{ level: "info", event: "cost_found" }, "success"],
  [{ level: "info", event: "maintenance" }, "failure"],
  [{ level: "info", event: "request", status: 399 }, "success"],
  [{ level: "info", event: "request", status: 400 }, "refusal"],
  [{ level: "info", event: "request" }, "success"],
];

for (const [event, kind] of KINDS) {
  Deno.test(`${JSON.stringify(event)} is of the kind ${kind}`, () => {
    assert.equal(kindOf(event), kind);
  });
}

const NAMES: [kind: Kind, event: LogEvent, name: string][] = [
  ["success", { level: "info", event: "request", status: 200, request_id: "r" }, "request"],
  ["success", { level: "info", event: "cost_found" }, "cost_found"],
  [
    "refusal",
    { level: "info", event: "request", status: 401, error: "expired: it is 412 s old: so" },
    "info request 401 expired",
  ],
  ["failure", { level: "error", event: "booking_failed" }, "error booking_failed  "],
  ["failure", { level: "warn", event: "x", error: "e".repeat(101) }, `warn x  ${"e".repeat(100)}`],
];

for (const [kind, event, name] of NAMES) {
  Deno.test(`a ${kind} has in common with others what is not figures: ${name.slice(0, 30)}`, () => {
    assert.equal(nameOf(kind, event), name);
  });
}
