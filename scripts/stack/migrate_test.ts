import assert from "node:assert/strict";
import { describeDifference, migrationVersions } from "./migrate.ts";

Deno.test("migrationVersions takes <digits>_<name>.sql and nothing else, in order", () => {
  assert.deepEqual(
    migrationVersions(["20260102_b.sql", "20260101_a.sql", "README.md", "draft.sql", "2026_c.txt"]),
    ["20260101", "20260102"],
  );
});

Deno.test("describeDifference is null when the database has exactly the files' migrations", () => {
  assert.equal(describeDifference(["1", "2"], ["1", "2"]), null);
  assert.equal(describeDifference([], []), null);
});

Deno.test("describeDifference counts what the database lacks", () => {
  assert.equal(describeDifference(["1", "2"], ["1"]), "applying 1 migration");
  assert.equal(describeDifference(["1", "2"], []), "applying 2 migrations");
});

Deno.test("describeDifference names the migrations that no file has", () => {
  assert.match(describeDifference(["1"], ["1", "7"]) ?? "", /checkout lacks: 7$/);
});
