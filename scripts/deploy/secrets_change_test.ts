import assert from "node:assert/strict";
import { digestOf } from "../doctor/checks/environment.ts";
import { lockout, secretsChange } from "./secrets_change.ts";

function digests(secrets: Record<string, string>) {
  return new Map(Object.entries(secrets).map(([name, value]) => [name, digestOf(value)]));
}

Deno.test("secretsChange tells what is new, other and the same, and leaves out what the platform gives", () => {
  assert.deepEqual(
    secretsChange(
      { A: "1", B: "2", C: "3", SUPABASE_URL: "x" },
      digests({ A: "1", B: "other", D: "4" }),
    ),
    { added: ["C"], changed: ["B"], cleared: [], same: ["A"] },
  );
});

Deno.test("secretsChange tells what the file clears, where the project has it or is not known", () => {
  const file = { A: "1", B: "", C: "", D: "", SUPABASE_URL: "" };
  const cleared = (digests: ReadonlyMap<string, string> | null) => {
    const change = secretsChange(file, digests);
    return [change.cleared, change.same];
  };
  assert.deepEqual(cleared(digests({ A: "1", B: "2", C: "" })), [["B"], ["A"]]);
  assert.deepEqual(cleared(null), [["B", "C", "D"], []]);
});

Deno.test("lockout refuses an encryption key that cannot open what is stored", () => {
  const current = digests({ API_KEY_ENCRYPTION_KEY: "old" });
  assert.match(lockout({ API_KEY_ENCRYPTION_KEY: "new" }, current)!, /rotate-keys/);
  assert.match(lockout({}, current)!, /rotate-keys/);
  const wrong = { API_KEY_ENCRYPTION_KEY: "new", API_KEY_ENCRYPTION_KEY_PREVIOUS: "older" };
  assert.match(lockout(wrong, current)!, /rotate-keys/);
});

Deno.test("lockout lets a first key pass, the same one, and one with the one before", () => {
  const current = digests({ API_KEY_ENCRYPTION_KEY: "old" });
  assert.equal(lockout({ API_KEY_ENCRYPTION_KEY: "new" }, new Map()), null);
  assert.equal(lockout({ API_KEY_ENCRYPTION_KEY: "old" }, current), null);
  const rotated = { API_KEY_ENCRYPTION_KEY: "new", API_KEY_ENCRYPTION_KEY_PREVIOUS: "old" };
  assert.equal(lockout(rotated, current), null);
});

Deno.test("lockout lets no rotation begin before the last one has ended", () => {
  const rotating = digests({
    API_KEY_ENCRYPTION_KEY: "new",
    API_KEY_ENCRYPTION_KEY_PREVIOUS: "old",
  });
  const next = { API_KEY_ENCRYPTION_KEY: "newer", API_KEY_ENCRYPTION_KEY_PREVIOUS: "new" };
  assert.match(lockout(next, rotating)!, /end that rotation/);
  const mistaken = { API_KEY_ENCRYPTION_KEY: "new", API_KEY_ENCRYPTION_KEY_PREVIOUS: "other" };
  assert.match(lockout(mistaken, rotating)!, /end that rotation/);
  // An empty line clears the project's, which one that is not there leaves.
  const cleared = { API_KEY_ENCRYPTION_KEY: "new", API_KEY_ENCRYPTION_KEY_PREVIOUS: "" };
  assert.match(lockout(cleared, rotating)!, /end that rotation/);
  const same = { API_KEY_ENCRYPTION_KEY: "new", API_KEY_ENCRYPTION_KEY_PREVIOUS: "old" };
  const swapped = { API_KEY_ENCRYPTION_KEY: "old", API_KEY_ENCRYPTION_KEY_PREVIOUS: "new" };
  for (const file of [same, swapped, { API_KEY_ENCRYPTION_KEY: "new" }]) {
    assert.equal(lockout(file, rotating), null);
  }
  for (const previous of [{}, { API_KEY_ENCRYPTION_KEY_PREVIOUS: "" }]) {
    const ended = digests({ API_KEY_ENCRYPTION_KEY: "new", ...previous });
    for (const file of [next, cleared]) assert.equal(lockout(file, ended), null);
  }
});
