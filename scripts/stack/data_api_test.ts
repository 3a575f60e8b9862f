import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import postgres from "postgres";
import { createDataApi, type DataApi } from "./data_api.ts";
import { countingLine, OBJECTS, SUB } from "./data_api/testing.ts";
import { legacySecretKey } from "./data_api/verify_jwt.ts";
import type { Stack } from "./start_stack.ts";
import { startTestStack } from "./testing.ts";

let stack: Stack;
let sql: postgres.Sql;

const NOW_S = Math.floor(Date.now() / 1000);
const USER = { role: "authenticated", sub: SUB, did: "did:a" };

Deno.test.beforeAll(async () => {
  stack = await startTestStack();
  sql = postgres(stack.databaseUrl, { onnotice: () => {} });
  await sql.unsafe(OBJECTS);
});
Deno.test.afterAll(async () => {
  await sql.end();
  await stack.stop();
});

function signed(claims: JWTPayload, jwtSecret = stack.jwtSecret): Promise<string> {
  return new SignJWT({ iat: NOW_S, exp: NOW_S + 3600, ...claims })
    .setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(jwtSecret));
}

/** Headers of an app's user; without claims, of anon. */
async function headersOf(claims?: JWTPayload): Promise<Record<string, string>> {
  const bearer = claims && { authorization: `Bearer ${await signed(claims)}` };
  return { apikey: stack.publishableKey, ...bearer };
}

const service = () => ({ apikey: stack.secretKeys.default });

async function rpc(
  name: string,
  args: unknown = {},
  headers: Record<string, string> = service(),
  api: Pick<DataApi, "fetch"> = stack,
) {
  const response = await api.fetch(
    new Request(`http://localhost/rest/v1/rpc/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof args === "string" ? args : JSON.stringify(args),
    }),
  );
  const text = await response.text();
  return { response, status: response.status, text, json: text === "" ? null : JSON.parse(text) };
}

/** The Data API on other terms than the stack's, for as long as it is used. */
async function withDataApi(
  { port, verificationKeys = [legacySecretKey(stack.jwtSecret)] }: {
    port?: number;
    verificationKeys?: Parameters<typeof createDataApi>[1]["verificationKeys"];
  },
  use: (api: DataApi) => Promise<void>,
): Promise<void> {
  const url = new URL(stack.databaseUrl);
  url.username = "authenticator";
  if (port !== undefined) url.port = String(port);
  const api = createDataApi(url.href, {
    publishableKey: stack.publishableKey,
    secretKey: stack.secretKeys.default,
    verificationKeys,
  });
  try {
    await use(api);
  } finally {
    await api.close();
  }
}

Deno.test("a call takes one round trip to the database, a read of a table five", async () => {
  await using line = countingLine(stack.databaseUrl);
  await withDataApi({ port: line.port }, async (api) => {
    const read = async () => {
      const request = new Request("http://localhost/rest/v1/ledger?did=eq.did:a", {
        headers: await headersOf(USER),
      });
      assert.equal((await (await api.fetch(request)).json()).length, 1);
    };
    const call = () => rpc("kind_of", { p_json: 1 }, service(), api);
    await call(); // which reads the schema and opens the connection
    assert.equal(await line.during(call), 1);
    assert.equal(await line.during(read), 5);
  });
});

Deno.test("a function finds in the settings who calls it, and how", async () => {
  const headers = {
    ...await headersOf({ ...USER, quote: "it's \\ 'so'" }),
    "x-quote": "it's \\",
    cookie: "a=1; b=x=y",
  };
  const { json } = await rpc("settings", {}, headers);
  assert.deepEqual(json.claims, {
    ...USER,
    quote: "it's \\ 'so'",
    iat: NOW_S,
    exp: NOW_S + 3600,
  });
  assert.equal(json.headers["x-quote"], "it's \\");
  assert.equal(json.headers.apikey, stack.publishableKey);
  const { role, method, path, cookies, timeout, read_only } = json;
  assert.deepEqual({ role, method, path, cookies, timeout, read_only }, {
    role: "authenticated",
    method: "POST",
    path: "/rpc/settings",
    cookies: { a: "1", b: "x=y" },
    timeout: "8s",
    read_only: "on",
  });

  const anon = await rpc("settings", {}, await headersOf());
  assert.deepEqual([anon.json.role, anon.json.timeout], ["anon", "3s"]);
  assert.deepEqual(anon.json.claims, { role: "anon" });
  assert.equal((await rpc("settings")).json.role, "service_role");
});

Deno.test("arguments arrive by name, JSON as JSON", async () => {
  for (const [json, kind] of [["{}", "object"], ["[1]", "array"], ['"{}"', "string"]]) {
    assert.equal((await rpc("kind_of", `{"p_json": ${json}}`)).json, kind);
  }
  const args = { p_ids: ["a", `b"'\\`], p_at: "2026-11-22T11:30:00+01:00" };
  assert.equal((await rpc("described", args)).json, `2026-11-22 10:30:00 b"'\\ 1.10`);
  const exact = `{"p_at": null, "p_ids": null, "p_of": 12345678901234567890.10}`;
  assert.equal((await rpc("described", exact)).json, "12345678901234567890.10");
  assert.equal((await rpc("overloaded", { p_a: 1 })).json, "a");
  assert.equal((await rpc("overloaded", { p_a: 1, p_b: 1 })).json, "ab");
});

for (
  const [what, name, args, expected] of [
    ["a scalar", "kind_of", { p_json: 1 }, "number"],
    ["null", "null_text", {}, null],
    ["a set of scalars", "numbers", { p_to: 2 }, [1, 2]],
    ["an empty set", "numbers", { p_to: 0 }, []],
    ["a table", "pairs", {}, [{ n: 1, word: "one" }, { n: 2, word: "two" }]],
    ["one row", "halves", { p_n: 7 }, { half: 3, rest: 1 }],
  ] as const
) {
  Deno.test(`a function returns ${what}`, async () => {
    const { status, json } = await rpc(name, args);
    assert.deepEqual([status, json], [200, expected]);
  });
}

Deno.test("a function returns nothing, all digits of a number, and rows of a table", async () => {
  const { status, text } = await rpc("nothing");
  assert.deepEqual([status, text], [204, ""]);
  assert.equal((await rpc("exact")).text, "12345678901234567890.10");
  const rows = await rpc("entries", {}, await headersOf(USER));
  const at = "2026-11-22T10:30:00.5+00:00";
  assert.deepEqual(rows.json, [{ did: "did:a", cost: 1.5, tags: ["x", "y"], at }]);
});

Deno.test("numbers of a table have all their digits, and what is no number is a text", async () => {
  const request = new Request("http://localhost/rest/v1/amounts?select=usd&order=id", {
    headers: service(),
  });
  const text = await (await stack.fetch(request)).text();
  assert.equal(
    text.replaceAll(/\s/g, ""),
    '[{"usd":12345678901234567890.10},{"usd":0.5},{"usd":0.0000001},{"usd":"NaN"}]',
  );
});

Deno.test("a function chooses its answer's status and headers", async () => {
  const { response, json } = await rpc("answers");
  assert.deepEqual([response.status, response.headers.get("x-a"), json], [202, "b", 7]);
});

Deno.test("what a function refuses is undone, and told as PostgREST tells it", async () => {
  const refused = await rpc("write", { p_did: "did:c", p_fail: true });
  const body = { code: "P0001", message: "not did:c now", details: "why", hint: "later" };
  assert.deepEqual([refused.status, refused.json], [400, body]);
  assert.equal((await rpc("write", { p_did: "did:c", p_fail: false })).json, "did:c");
  const taken = await rpc("write", { p_did: "did:c", p_fail: false });
  assert.deepEqual([taken.status, taken.json.code], [409, "23505"]);
  await sql`delete from public.ledger where did = 'did:c'`;
  const readOnly = await rpc("claims_to_read");
  assert.deepEqual([readOnly.status, readOnly.json.code], [405, "25006"]);
});

for (
  const [state, status] of [
    ["22023", 400],
    ["23503", 409],
    ["40001", 500],
    ["42883", 404],
    ["53300", 503],
    ["53400", 500],
    ["57014", 500],
    ["57P01", 503],
    ["P0002", 500],
    ["PT418", 418],
  ] as const
) {
  Deno.test(`SQLSTATE ${state} becomes the status ${status}`, async () => {
    const { status: answered, json } = await rpc("raises", { p_state: state });
    assert.deepEqual([answered, json.code], [status, state]);
  });
}

Deno.test("a function raises a whole answer", async () => {
  const { response, status, json } = await rpc("raises_answer");
  assert.deepEqual([status, response.headers.get("x-a")], [402, "b"]);
  assert.deepEqual(json, { code: "x", message: "m", details: "d", hint: null });
});

Deno.test("a function is called by those alone who may execute it", async () => {
  const codes = async (headers: Record<string, string>) => {
    const { status, json } = await rpc("secret", {}, headers);
    return [status, json.code ?? json];
  };
  assert.deepEqual(await codes(await headersOf()), [401, "42501"]);
  assert.deepEqual(await codes(await headersOf(USER)), [403, "42501"]);
  assert.deepEqual(await codes(await headersOf({ role: "service_role" })), [200, 1]);
  assert.deepEqual(await codes(await headersOf({ role: "postgres" })), [403, "42501"]);
  assert.deepEqual(await codes(await headersOf({ role: "nobody's" })), [401, "22023"]);
});

Deno.test("what there is not, or is no call, is refused", async () => {
  const unknown = await rpc("no_such", { p_a: 1 });
  assert.deepEqual([unknown.status, unknown.json.code], [404, "PGRST202"]);
  const otherArguments = await rpc("kind_of", { p_other: 1 });
  assert.deepEqual([otherArguments.status, otherArguments.json.code], [404, "PGRST202"]);
  const noJson = await rpc("kind_of", "{");
  assert.deepEqual([noJson.status, noJson.json.code], [400, "PGRST102"]);
});

Deno.test("supabase-js calls functions in all its ways", async () => {
  const { url, publishableKey, secretKeys } = stack;
  for (const key of [publishableKey, secretKeys.default, await signed({ role: "anon" })]) {
    const client = createClient(url, key, { auth: { persistSession: false } });
    assert.equal((await client.rpc("kind_of", { p_json: {} })).data, "object");
    assert.equal((await client.rpc("nothing")).error, null);
    assert.deepEqual((await client.rpc("halves", { p_n: 7 }).single()).data, { half: 3, rest: 1 });
    const read = await client.rpc("settings", {}, { get: true });
    assert.deepEqual([read.data.method, read.data.read_only], ["GET", "on"]);
    const last = client.rpc("pairs").select("word").order("n", { ascending: false }).limit(1);
    assert.deepEqual((await last).data, [{ word: "two" }]);
  }
});

Deno.test("a user with a session reads the rows of their own, and no others", async () => {
  const token = await signed({ ...USER, session_id: crypto.randomUUID(), aud: "authenticated" });
  const client = createClient(stack.url, stack.publishableKey, {
    accessToken: () => Promise.resolve(token),
  });
  const { data, error } = await client.from("ledger").select();
  assert.equal(error, null);
  const at = "2026-11-22T10:30:00.5+00:00";
  assert.deepEqual(data, [{ did: "did:a", cost: 1.5, tags: ["x", "y"], at }]);
  assert.equal((await client.from("ledger").insert({ did: "did:d" })).error?.code, "42501");
  assert.equal((await client.from("ledger").delete().eq("did", "did:a")).error?.code, "42501");
});

Deno.test("JWTs are refused with PostgREST's codes", async () => {
  const refusal = async (token: string) => {
    const headers = { apikey: stack.publishableKey, authorization: `Bearer ${token}` };
    const { response, status, json } = await rpc("settings", {}, headers);
    assert.equal(status, 401);
    assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/);
    return [json.code, json.message];
  };
  const badKey = ["PGRST301", "No suitable key or wrong key type"];
  assert.deepEqual(await refusal(await signed(USER, "0".repeat(64))), badKey);
  assert.deepEqual(await refusal("a.b.c"), badKey);
  assert.deepEqual(await refusal("ab"), ["PGRST301", "Expected 3 parts in JWT; got 1"]);
  const times: [JWTPayload, string][] = [
    [{ exp: NOW_S - 60 }, "JWT expired"],
    [{ nbf: NOW_S + 3600 }, "JWT not yet valid"],
    [{ iat: NOW_S + 3600 }, "JWT issued at future"],
  ];
  for (const [claims, message] of times) {
    assert.deepEqual(await refusal(await signed({ ...USER, ...claims })), ["PGRST303", message]);
  }
});

Deno.test("without a key of the project's nothing is answered", async () => {
  assert.equal((await rpc("settings", {}, {})).status, 401);
  for (const apikey of ["sb_secret_other", "constructor", "__proto__", "toString"]) {
    assert.equal((await rpc("settings", {}, { apikey })).status, 401, apikey);
  }
  const forged = await signed({ role: "service_role" }, "0".repeat(64));
  assert.equal((await rpc("settings", {}, { apikey: forged })).status, 401);
});

Deno.test("JWTs may be signed with any of several keys", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const verificationKeys = [
    legacySecretKey(stack.jwtSecret),
    { ...await exportJWK((await generateKeyPair("ES256")).publicKey), alg: "ES256", kid: "old" },
    { ...await exportJWK(publicKey), alg: "ES256", kid: "new" },
  ];
  await withDataApi({ verificationKeys }, async (api) => {
    const statusWith = async (header: { alg: string; kid: string }) => {
      const token = await new SignJWT(USER).setProtectedHeader(header).sign(privateKey);
      const headers = { apikey: stack.publishableKey, authorization: `Bearer ${token}` };
      return (await rpc("settings", {}, headers, api)).status;
    };
    assert.equal(await statusWith({ alg: "ES256", kid: "new" }), 200);
    assert.equal(await statusWith({ alg: "ES256", kid: "old" }), 401);
    assert.equal((await rpc("settings", {}, await headersOf(USER), api)).status, 200);
  });
});

/** Ends the Data API's connections, and returns how many there were. */
async function terminate(): Promise<number> {
  const ended = await sql`
    select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'`;
  return ended.length;
}

async function readLedger() {
  const headers = await headersOf(USER);
  const response = await stack.fetch(new Request("http://localhost/rest/v1/ledger", { headers }));
  return { status: response.status, json: await response.json() };
}

/** Resolves when this many of the Data API's connections wait for a lock. */
async function untilBlocked(count: number): Promise<void> {
  while (true) {
    const blocked = await sql`
      select from pg_stat_activity
      where usename = 'authenticator' and wait_event_type = 'Lock'`;
    if (blocked.length === count) return;
  }
}

Deno.test("calls whose connections break are told so, and the next ones are answered", async () => {
  const holder = await sql.reserve();
  try {
    await holder`begin`;
    await holder`select pg_advisory_xact_lock(1)`;
    await holder`lock table public.ledger`;
    const calls = Array.from({ length: 5 }, () => rpc("waits"));
    const reads = Array.from({ length: 5 }, readLedger);
    await untilBlocked(10);
    assert.equal(await terminate(), 10);
    for (const { status, json } of await Promise.all([...calls, ...reads])) {
      assert.deepEqual([status, json.code], [503, "PGRST001"]);
    }
  } finally {
    await holder`rollback`;
    holder.release();
  }
  const again = await Promise.all(Array.from({ length: 20 }, () => rpc("waits")));
  assert.ok(again.every(({ status }) => status === 200));
  assert.equal((await readLedger()).status, 200);
});

Deno.test("whenever connections break, calls end, and later ones are answered", async () => {
  const seen = new Set<number>();
  let isBreaking = true;
  const breaking = (async () => {
    for (let times = 0; times < 50; times++) await terminate();
    isBreaking = false;
  })();
  await Promise.all(Array.from({ length: 12 }, async (_, caller) => {
    do {
      const { status } = caller % 2 === 0 ? await readLedger() : await rpc("waits");
      seen.add(status);
    } while (isBreaking);
  }));
  await breaking;
  assert.deepEqual([...seen].filter((status) => ![200, 503].includes(status)), []);
  // A connection that was ended last may be found so by the call that takes it.
  while ((await rpc("waits")).status !== 200 || (await readLedger()).status !== 200);
});

Deno.test("a connection that breaks while the schema is read leaves nothing unread", async () => {
  let isReading = true;
  const breaking = (async () => {
    while (isReading) await terminate();
  })();
  const headers = await headersOf(USER);
  const ledger = new Request("http://localhost/rest/v1/ledger", { headers });
  for (let seen503 = 0; seen503 < 8;) {
    await withDataApi({}, async (api) => {
      const { status } = await api.fetch(ledger.clone());
      assert.ok([200, 503].includes(status), `${status}`);
      if (status === 200) return;
      seen503++;
    });
  }
  isReading = false;
  await breaking;
  await withDataApi({}, async (api) => assert.equal((await api.fetch(ledger)).status, 200));
});
