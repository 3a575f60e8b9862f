import assert from "node:assert/strict";
import { differences } from "./differences.ts";
import { describe } from "./report.ts";

Deno.test("describe tells objects, where the files speak of them, and what differs", () => {
  const file = (path: string, text: string) => ({ path, text });
  const schemas = [
    file("s/1.sql", "-- One row.\ncreate table public.settings (a int default 1, b text);\n"),
    file(
      "s/2.sql",
      "create function public.twice(a int) returns int\nlanguage sql as 'select 2';\n",
    ),
  ];
  const migrations = [
    file(
      "m/1.sql",
      "create table public.settings (a int default 2);\n\ncreate index i on public.settings (a);\n",
    ),
    file(
      "m/2.sql",
      "create function public.twice(a int);\ncreate or replace function public.twice(a int);\n",
    ),
    file(
      "m/3.sql",
      "\ninsert into public.settings default values;\ngrant select on public.settings to x;\n",
    ),
  ];
  const migrated = new Map(Object.entries({
    "column public.settings.a": { type: "integer", default: "2" },
    "function public.twice(a int)": { definition: "one\ntwo\nthree", privileges: ["a: execute"] },
    "index i on public.settings": {},
    "row 1 of public.settings": { a: 2 },
    "table public.same": { owner: "postgres" },
  }));
  const described = new Map(Object.entries({
    "column public.settings.a": { type: "integer", default: "1" },
    "column public.settings.b": { type: "text" },
    "function public.twice(a int)": {
      definition: "one\n2\nthree",
      privileges: ["a: execute", "b: execute"],
    },
    "row 1 of public.settings": { a: 1 },
    "table public.same": { owner: "postgres" },
  }));
  const found = differences(migrated, described, ["migrations", "schemas"]);
  assert.equal(
    describe(found, { schemas, migrations }),
    `\
column public.settings.a
    s/1.sql:2
    m/1.sql:1
    default: 2 in the migrations, 1 in the schemas
column public.settings.b
    s/1.sql:2
    m/1.sql:1
    is only in the schemas
function public.twice(a int)
    s/2.sql:1
    m/2.sql:2
    definition: - migrations, + schemas
    -   2 two
    +   2 2
    privileges: - migrations, + schemas
    +   2 b: execute
index i on public.settings
    s/1.sql:2
    m/1.sql:3
    is only in the migrations
row 1 of public.settings
    s/1.sql:2
    m/3.sql:2
    a: 2 in the migrations, 1 in the schemas`,
  );
  assert.deepEqual(differences(migrated, migrated, ["migrations", "schemas"]), []);
});
