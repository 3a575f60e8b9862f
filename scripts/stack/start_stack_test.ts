import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import postgres from "postgres";
import { PROJECT_ROOT } from "./data_folder.ts";
import { migrate, migrationVersions } from "./migrate.ts";
import { LOOPBACK } from "./ports.ts";
import { type Stack, startStack } from "./start_stack.ts";
import { startTestStack } from "./testing.ts";

const EPHEMERAL = { port: 0, dbPort: 0, ephemeral: true };
const API_ROLES = ["anon", "authenticated", "service_role"];

Deno.test("the stack is a fresh Supabase project with the project's migrations", async (t) => {
  const stack = await startTestStack();
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await t.step("the migrations' owner is no superuser, as on hosted projects", async () => {
      const [role] = await sql`
        select rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
        from pg_roles where rolname = current_user`;
      assert.deepEqual({ ...role }, {
        rolname: "postgres",
        rolsuper: false,
        rolcreaterole: true,
        rolcreatedb: true,
        rolbypassrls: true,
      });
    });

    await t.step("every migration is applied", async () => {
      const files = await Array.fromAsync(
        Deno.readDir(join(PROJECT_ROOT, "supabase", "migrations")),
        ({ name }) => name,
      );
      assert.deepEqual(await appliedVersions(sql), migrationVersions(files));
    });

    await t.step("a project from before October 2026 ends with the same privileges", async () => {
      const older = await startStack({ ...EPHEMERAL, exposeNewTables: true });
      const olderSql = postgres(older.databaseUrl, { max: 1, onnotice: () => {} });
      try {
        const expected = await privileges(sql);
        assert.ok(expected.length > 100);
        assert.deepEqual(await privileges(olderSql), expected);

        await createProbes(olderSql);
        assert.deepEqual(await rolesThatReach(olderSql), {
          table: API_ROLES,
          sequence: API_ROLES,
          function: API_ROLES,
        });
      } finally {
        await olderSql.end();
        await older.stop();
      }
    });

    await t.step("what is created in public is open to none of the API's roles", async () => {
      await createProbes(sql);
      // Everybody may execute a new function: that is PostgreSQL's own default.
      const reach = { table: [], sequence: [], function: API_ROLES };
      assert.deepEqual(await rolesThatReach(sql), reach);
    });

    await t.step("auth functions read the claims of the request", async () => {
      const claims = { sub: "6f1d4e3a-0c55-4d0e-9df0-0b8f0a9f7b11", role: "x", email: "a@b.c" };
      const [row] = await sql.begin(async (sql) => {
        await sql`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
        return await sql`
          select auth.uid() as sub, auth.role() as role, auth.email() as email, auth.jwt() as jwt`;
      });
      assert.deepEqual({ ...row }, { ...claims, jwt: claims });
    });

    await t.step("the Data API keeps to grants and row level security", async () => {
      await sql.unsafe(`
        create table public.ledger (did text, cost numeric, at timestamptz);
        insert into public.ledger values
          ('did:a', 1.50, '2026-11-22T10:30:00.5Z'), ('did:b', 7.765e-06, null);
        alter table public.ledger enable row level security;
        create policy own on public.ledger for select to authenticated
          using (did = (select auth.jwt()) ->> 'did');
        revoke all on public.ledger from anon, authenticated, service_role;
        grant select on public.ledger to authenticated, service_role`);
      const a = { did: "did:a", cost: 1.5, at: "2026-11-22T10:30:00.5+00:00" };
      const b = { did: "did:b", cost: 7.765e-06, at: null };

      const rows = async (headers: Record<string, string>) => {
        const response = await fetch(`${stack.url}/rest/v1/ledger?order=did`, { headers });
        return [response.status, await response.json()];
      };
      const publishable = { apikey: stack.publishableKey };
      assert.deepEqual(await rows({ apikey: stack.secretKeys.default }), [200, [a, b]]);
      const jwt = signedJwt({ role: "authenticated", did: "did:a" }, stack.jwtSecret);
      assert.deepEqual(await rows({ ...publishable, authorization: `Bearer ${jwt}` }), [200, [a]]);
      const forged = signedJwt({ role: "service_role" }, `${stack.jwtSecret}x`);
      assert.equal((await rows({ ...publishable, authorization: `Bearer ${forged}` }))[0], 401);
      const [status, refusal] = await rows(publishable);
      assert.deepEqual([status, refusal.code], [401, "42501"]);
      assert.equal((await rows({}))[0], 401);
    });

    await t.step("a mounted handler answers beside the Data API", async () => {
      const unmount = stack.mount("/functions/v1/hello", () => new Response("hello"));
      const url = `${stack.url}/functions/v1/hello/there`;
      assert.equal(await (await fetch(url)).text(), "hello");
      assert.notEqual(await (await fetch(url.replace("hello", "hello2"))).text(), "hello");
      await unmount();
      const refused = await fetch(url);
      assert.equal(refused.status, 503);
      await refused.body?.cancel();
    });

    await t.step("a failed migration shows what the CLI says", async () => {
      await sql`create database broken`;
      const databaseUrl = stack.databaseUrl.replace(/postgres$/, "broken");
      await withMigration("create tabel public.x ();", async (projectRoot) => {
        await assert.rejects(
          migrated(databaseUrl, projectRoot),
          { name: "StackError", message: /the migrations failed:[^]*syntax error/ },
        );
      });
    });

    await t.step("a database ahead of the checkout is an error", async () => {
      await withMigration("select 1;", async (projectRoot) => {
        await assert.rejects(migrated(stack.databaseUrl, projectRoot), { name: "StackError" });
      });
    });
  } finally {
    await sql.end();
    await stack.stop();
  }
  await assert.rejects(fetch(stack.url), TypeError);
  await assert.rejects(
    Deno.connect({ hostname: LOOPBACK, port: databasePort(stack) }),
    Deno.errors.ConnectionRefused,
  );
  await assert.rejects(Deno.stat(stack.dataFolder), Deno.errors.NotFound);
});

/** All that is granted to anybody on what the migrations made, an object a line. */
async function privileges(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    with schemas as (
      select oid from pg_namespace where nspname in ('public', 'partitions')
    ), objects (name, grants) as (
      select nspname::text, nspacl from pg_namespace where oid in (table schemas)
      union all
      select oid::regclass::text, relacl from pg_class
      where relnamespace in (table schemas) and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      union all
      select attrelid::regclass || '.' || attname, attacl
      from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace in (table schemas) and attacl is not null
      union all
      select oid::regprocedure::text, proacl from pg_proc where pronamespace in (table schemas)
      union all
      select oid::regtype::text, typacl from pg_type where typnamespace in (table schemas)
    )
    select format('%s: %s', name, (select string_agg(one::text, ' ' order by one::text)
      from unnest(grants) as one)) as line
    from objects order by line`;
  return rows.map(({ line }) => line);
}

/** A table, a sequence and a function, as a migration creates them. */
async function createProbes(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create table public.probe (id int);
    create sequence public.probe_numbers;
    create function public.probe_answer() returns int language sql as 'select 42'`);
}

async function rolesThatReach(sql: postgres.Sql) {
  const rows = await sql`
    select role,
      has_table_privilege(role, 'public.probe', 'select, insert, update, delete') as table,
      has_sequence_privilege(role, 'public.probe_numbers', 'usage, select') as sequence,
      has_function_privilege(role, 'public.probe_answer()', 'execute') as function
    from unnest(${API_ROLES}::text[]) as role`;
  const reach = (kind: "table" | "sequence" | "function") =>
    rows.filter((row) => row[kind]).map((row) => row.role);
  return { table: reach("table"), sequence: reach("sequence"), function: reach("function") };
}

async function appliedVersions(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    select version from supabase_migrations.schema_migrations order by version`;
  return rows.map(({ version }) => version);
}

/** Calls with a project whose only migration this is. */
async function withMigration(text: string, use: (projectRoot: string) => Promise<void>) {
  const projectRoot = await Deno.makeTempDir();
  try {
    const migrations = join(projectRoot, "supabase", "migrations");
    await Deno.mkdir(migrations, { recursive: true });
    await Deno.writeTextFile(join(migrations, "20200101000000_probe.sql"), text);
    await use(projectRoot);
  } finally {
    await Deno.remove(projectRoot, { recursive: true });
  }
}

async function migrated(databaseUrl: string, projectRoot: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1 });
  const { signal } = new AbortController();
  try {
    await migrate({ sql, databaseUrl, projectRoot, onProgress: () => {}, signal });
  } finally {
    await sql.end();
  }
}

function signedJwt(claims: Record<string, unknown>, secret: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function databasePort(stack: Stack): number {
  return Number(new URL(stack.databaseUrl).port);
}
