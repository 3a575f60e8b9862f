import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { UsageError } from "../command.ts";
import { environmentHelp, readEnvironment } from "./environment.ts";

const env = (variables: Record<string, string>) => ({ get: (name: string) => variables[name] });

Deno.test("all variables that are missing are named at once, and where they come from", () => {
  assert.throws(
    () =>
      readEnvironment(
        ["DATABASE_URL", "API_KEY_ENCRYPTION_KEY", "OPENROUTER_PROVISIONING_KEY"],
        env({ DATABASE_URL: "  " }),
      ),
    new UsageError(
      "DATABASE_URL is not set (the project's dashboard has it under Connect; add the database's " +
        "password; for a local one, source what deno task dev prints); " +
        "API_KEY_ENCRYPTION_KEY is not set; OPENROUTER_PROVISIONING_KEY is not set",
    ),
  );
});

const databaseUrl = (password: string) =>
  `postgres://postgres.ref:${password}@db.example:5432/postgres`;

for (const password of ["p%23a%2Fb%3Fc%40d%25e", "a@b", "a:b", "a&b=c", "a[b]c^d", ""]) {
  Deno.test(`the password in ${databaseUrl(password)} is read`, () => {
    const url = databaseUrl(password);
    assert.equal(readEnvironment(["DATABASE_URL"], env({ DATABASE_URL: url })).DATABASE_URL, url);
    // What the client makes of it.
    const { options } = postgres(url) as unknown as { options: Record<string, unknown> };
    assert.deepEqual(
      [options.user, options.pass, options.host, options.port, options.database],
      ["postgres.ref", decodeURIComponent(password), ["db.example"], [5432], "postgres"],
    );
  });
}

for (
  const password of ["a#b", "a/b", "a?b", "1/b", "1?b", "1#b", "a%b", "a%zzb", "a#b@c", "100%"]
) {
  Deno.test(`${databaseUrl(password)} is to be percent-encoded`, () => {
    assert.throws(
      () => readEnvironment(["DATABASE_URL"], env({ DATABASE_URL: databaseUrl(password) })),
      (error: Error) =>
        error instanceof UsageError && error.message.includes("percent-encode") &&
        !error.message.includes(password),
    );
  });
}

Deno.test("the dashboard's placeholder is no password", () => {
  assert.throws(
    () => readEnvironment(["DATABASE_URL"], env({ DATABASE_URL: databaseUrl("[YOUR-PASSWORD]") })),
    /put the database's in place of/,
  );
});

for (const name of ["GATEWAY_URL", "OPENROUTER_API_URL"] as const) {
  Deno.test(`${name} has no password, and no error tells it`, () => {
    assert.throws(
      () => readEnvironment([name], env({ [name]: "https://me:secret@g.example/v1" })),
      new UsageError(`${name} must have no user name or password`),
    );
    assert.throws(
      () => readEnvironment([name], env({ [name]: "ftp://g.example" })),
      new UsageError(`${name} must be an http(s) URL without query or fragment`),
    );
    assert.equal(
      readEnvironment([name], env({ [name]: "https://g.example/v1/" }))[name],
      "https://g.example/v1",
    );
  });
}

Deno.test("what may be missing has its default", () => {
  const values = readEnvironment(
    ["OPENROUTER_API_URL", "API_KEY_ENCRYPTION_KEY_PREVIOUS", "OPENROUTER_WORKSPACE_ID"],
    env({}),
  );
  assert.deepEqual(values, {
    OPENROUTER_API_URL: "https://openrouter.ai/api/v1",
    API_KEY_ENCRYPTION_KEY_PREVIOUS: null,
    OPENROUTER_WORKSPACE_ID: null,
  });
});

Deno.test("values are read as the gateway reads them", () => {
  const key = randomBytes(32);
  const values = readEnvironment(
    ["DATABASE_URL", "API_KEY_ENCRYPTION_KEY", "OPENROUTER_API_URL", "OPENROUTER_WORKSPACE_ID"],
    env({
      DATABASE_URL: " postgresql://postgres:p%40ss@db.example:6543/postgres ",
      API_KEY_ENCRYPTION_KEY: key.toString("hex"),
      OPENROUTER_API_URL: "http://127.0.0.1:1/api/v1/",
      OPENROUTER_WORKSPACE_ID: " 0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d ",
    }),
  );
  assert.deepEqual(values, {
    DATABASE_URL: "postgresql://postgres:p%40ss@db.example:6543/postgres",
    API_KEY_ENCRYPTION_KEY: new Uint8Array(key),
    OPENROUTER_API_URL: "http://127.0.0.1:1/api/v1",
    OPENROUTER_WORKSPACE_ID: "0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d",
  });
});

Deno.test("a secret key stands alone, or in the variable that the function has", () => {
  const read = (value: string) =>
    readEnvironment(["SUPABASE_SECRET_KEYS"], env({ SUPABASE_SECRET_KEYS: value }))
      .SUPABASE_SECRET_KEYS;
  assert.equal(read("sb_secret_1"), "sb_secret_1");
  assert.equal(read('{"default":"sb_secret_2","other":"x"}'), "sb_secret_2");
  assert.equal(read('{"other":"sb_secret_3"}'), "sb_secret_3");
  assert.throws(
    () => read('{"other":["hunter2"]}'),
    (error: Error) => error instanceof UsageError && !error.message.includes("hunter2"),
  );
});

Deno.test("the legacy key stands in for secret keys that there are none of", () => {
  for (const keys of ["", "{}", '{"default":""}']) {
    const values = env({ SUPABASE_SECRET_KEYS: keys, SUPABASE_SERVICE_ROLE_KEY: "ey.legacy" });
    const { SUPABASE_SECRET_KEYS: key } = readEnvironment(["SUPABASE_SECRET_KEYS"], values);
    assert.equal(key, "ey.legacy");
  }
});

Deno.test("bad values are named and never repeated", () => {
  const bad = {
    DATABASE_URL: "postgres://user:hunter2@",
    API_KEY_ENCRYPTION_KEY: "hunter2",
    API_KEY_ENCRYPTION_KEY_PREVIOUS: "change-me-hunter2-change-me-hunter2-change-me",
    OPENROUTER_API_URL: "hunter2.example",
    OPENROUTER_WORKSPACE_ID: "the workspace hunter2",
    OPENROUTER_PROVISIONING_KEY: "sk-or-v1-hunter2…",
    // fetch would quote it.
    SUPABASE_SECRET_KEYS: "sb_secret_hunter2\nsb_secret_1",
  };
  const names = Object.keys(bad) as (keyof typeof bad)[];
  assert.throws(() => readEnvironment(names, env(bad)), (error: Error) => {
    for (const name of names) assert.ok(error.message.includes(`${name} must be`), name);
    assert.ok(!error.message.includes("hunter2"));
    return error instanceof UsageError;
  });
});

Deno.test("the help of a command lists what it reads", () => {
  const help = environmentHelp(["DATABASE_URL", "API_KEY_ENCRYPTION_KEY"]);
  assert.match(help, /\n {2}DATABASE_URL {12}\S/);
  assert.match(help, /\n {2}API_KEY_ENCRYPTION_KEY {2}\S/);
});
