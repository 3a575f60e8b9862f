/** Gateways that are ill, one for each check of the doctor's, and what it has to find. */
import { digestOf } from "../../../../scripts/doctor/checks/environment.ts";
import type { PatientOptions } from "../../../../scripts/doctor/patient.ts";
import type { serveGateway } from "./served_gateway.ts";

type Fetch = typeof globalThis.fetch;
type Around = Parameters<typeof serveGateway>[1];

export interface Case {
  /** Before the doctor's own query, in a transaction that is rolled back. */
  sql?: string;
  /** The gateway's environment, where it is not the world's. */
  env?: Record<string, string>;
  /** What stands in front of the gateway. */
  around?: Around;
  /** The doctor's own circumstances. */
  options?:
    | Partial<PatientOptions>
    | ((url: string, worldsEnv: Record<string, string>) => Partial<PatientOptions>);
}

export const CRON = `
  create schema cron;
  create table cron.job (
    jobid bigint generated always as identity, jobname text unique, schedule text, command text,
    active boolean default true
  );
  create table cron.job_run_details (
    jobid bigint, status text, return_message text, start_time timestamptz
  );
  create function cron.schedule(name text, schedule text, command text) returns bigint language sql as
    'insert into cron.job (jobname, schedule, command) values (name, schedule, command) returning jobid';
  select public.schedule_housekeeping();
  insert into cron.job (jobname) values ('llm-gateway-maintenance');`;
export const RUNS = `
  insert into cron.job_run_details select jobid, 'succeeded', '1 row', now() from cron.job;`;

/** Not on this machine: what is told of a hosted gateway. */
export const hosted = { gatewayUrl: "https://ref.supabase.co/functions/v1/openrouter-proxy" };

export const answer = (body: unknown, init?: ResponseInit) =>
  Promise.resolve(Response.json(body, init));

/** A fetch that changes the answers to some requests. */
function fetchWith(
  change: (request: Request, next: () => Promise<Response>) => Promise<Response>,
): Fetch {
  return async (input, init) => {
    const request = new Request(input as string, init);
    return await change(request, () => fetch(request));
  };
}

/** Deep health as if the function ran near the caller, in us-east-1, and the database were in eu-west-3. */
const abroad = fetchWith(async (request, next) => {
  const response = await next();
  if (!request.url.endsWith("?deep=1")) return response;
  const { data } = await response.json();
  const region = request.headers.get("x-region") ?? "us-east-1";
  const database_ms = region.startsWith("eu-") ? (region === "eu-west-3" ? 3 : 15) : 95;
  return Response.json({ success: true, data: { ...data, region, database_ms } });
});

/** Ten digits of a price that nobody charges. */
const overpriced = fetchWith(async (request, next) => {
  const response = await next();
  if (!request.url.includes("/generation?")) return response;
  const text = await response.text();
  return new Response(text.replace(/"total_cost": ?[\d.e-]+/, '"total_cost":9'), response);
});

/** A proxy that waits for the whole of an answer, behind a model that takes its time. */
const collecting: Around = async (request, next) => {
  const headers = new Headers(request.headers);
  headers.set("x-openrouter-simulate", "slow:60");
  const response = await next(new Request(request, { headers }));
  return new Response(await response.text(), response);
};

const project = (secrets: Record<string, string>) => ({
  ref: "abcdefghijklmnopqrst",
  secretDigests: () =>
    Promise.resolve(
      new Map(Object.entries(secrets).map(([name, value]) => [name, digestOf(value)])),
    ),
  secretKey: () => Promise.reject(new Error("not needed")),
  query: () => Promise.reject(new Error("not needed")),
});

export const ILL: [what: string, check: string, ill: Case, detail: RegExp, remedy: RegExp][] = [
  [
    "a variable of the wrong shape",
    "variables",
    { options: { file: { API_KEY_ENCRYPTION_KEY: "change-me" } } },
    /^(?=.*API_KEY_ENCRYPTION_KEY must be )(?=.*OPENROUTER_PROVISIONING_KEY is not set)/,
    /in the file/,
  ],
  [
    "a secret that the project has another value of",
    "secrets",
    {
      options: {
        ...hosted,
        file: { OPENROUTER_PROVISIONING_KEY: "sk-new", X_TITLE: "A" },
        project: project({ OPENROUTER_PROVISIONING_KEY: "sk-old" }),
      },
    },
    /^X_TITLE is not set; OPENROUTER_PROVISIONING_KEY is not the file's$/,
    /secrets set/,
  ],
  [
    "a database that nobody reaches",
    "database",
    { options: { query: () => Promise.reject(new Error("connect ECONNREFUSED")) } },
    /ECONNREFUSED/,
    /^Start it: deno task dev.*\n.*DATABASE_URL/,
  ],
  [
    "a migration that was not applied",
    "migrations",
    {
      sql: `delete from supabase_migrations.schema_migrations
        where version = (select max(version) from supabase_migrations.schema_migrations)`,
    },
    /^1 are missing, the first is \d{14}$/,
    /start it again: it applies/,
  ],
  [
    "a migration that this checkout lacks",
    "migrations",
    {
      sql: "insert into supabase_migrations.schema_migrations (version) values ('29990101000000')",
    },
    /29990101000000/,
    /checkout/,
  ],
  [
    "a table without row level security, and a view with its owner's rights",
    "row level security",
    {
      sql: `alter table public.budgets disable row level security;
        alter view public.usage_by_day set (security_invoker = false)`,
    },
    /^not on budgets, usage_by_day$/,
    /alter table public.budgets enable row level security/,
  ],
  [
    "a grant too many",
    "grants",
    { sql: "grant select on public.budgets to authenticated" },
    /^authenticated has "r" on budgets instead of ""$/,
    /revoke/,
  ],
  [
    "a column of keys that users may read",
    "grants",
    { sql: "grant select (encrypted_api_key) on public.user_api_keys to authenticated" },
    /^authenticated has "r" on user_api_keys.encrypted_api_key instead of ""$/,
    /revoke/,
  ],
  [
    "a function that the gateway may not call, and one that everybody may",
    "grants",
    {
      sql: `revoke execute on function public.purge_accepted_messages from service_role;
        grant execute on function public.block_did to anon`,
    },
    /^(?=.*anon has "x" on block_did instead of "")(?=.*service_role has "" on purge_accepted_messages instead of "x")/,
    /grant/,
  ],
  [
    "no limit on what all DIDs spend together",
    "limits",
    { sql: "select public.set_gateway_limits(clear => '{daily_budget_usd,monthly_budget_usd}')" },
    /spend without end/,
    /set_gateway_limits\(daily_budget_usd => 5/,
  ],
  [
    "another encryption key than the stored keys'",
    "stored keys",
    {
      options: {
        variables: { API_KEY_ENCRYPTION_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" },
      },
    },
    /does not open \d+ of the last/,
    /rotate-keys/,
  ],
  [
    "a hosted project without pg_cron",
    "jobs",
    { options: hosted },
    /not enabled/,
    /maintain --every/,
  ],
  [
    "a job that is not scheduled, one that is switched off, one that failed and one that stands still",
    "jobs",
    {
      sql: `${CRON}${RUNS}
        delete from cron.job where jobname = 'llm-gateway-partitions';
        update cron.job set active = false where jobname = 'llm-gateway-add-up-days';
        update cron.job_run_details set status = 'failed', return_message = 'no such function'
          where jobid = (select jobid from cron.job where jobname = 'llm-gateway-purge-log');
        update cron.job_run_details set start_time = now() - interval '2 hours'
          where jobid = (select jobid from cron.job where jobname = 'llm-gateway-purge-hours')`,
    },
    /purge-log failed: no such function; .*purge-hours has not run for an hour; .*add-up-days is switched off; .*partitions is not scheduled/,
    /schedule_housekeeping/,
  ],
  [
    "maintenance that nobody asks for",
    "maintenance",
    { sql: "delete from public.maintenance_runs;", options: hosted },
    /has never run/,
    /schedule_maintenance\('https:\/\/ref\.supabase\.co/,
  ],
  [
    "maintenance that has stopped",
    "maintenance",
    {
      sql: `${CRON} delete from public.maintenance_runs; insert into public.maintenance_runs
        values (true, gen_random_uuid(), '2026-01-01', '-infinity')`,
      options: hosted,
    },
    /the last run began at 2026-01-01 00:00 UTC/,
    /net\._http_response/,
  ],
  [
    "a gateway that is not there",
    "reachable",
    { options: { fetch: () => Promise.reject(new TypeError("connection refused")) } },
    /did not answer: connection refused/,
    /GATEWAY_URL/,
  ],
  [
    "a redirect to https",
    "reachable",
    {
      around: (request) =>
        Promise.resolve(Response.redirect(request.url.replace("http:", "https:"), 301)),
    },
    /sends callers on to https:\/\/127/,
    /Let GATEWAY_URL be/,
  ],
  ...[
    () => new Response("<html>hello</html>", { headers: { "x-request-id": "1" } }),
    () => Response.json({ ok: true }, { headers: { "x-request-id": "1" } }),
    () => new Response("who are you?", { status: 401 }),
  ].map((respond): typeof ILL[number] => [
    `another program at that URL (${respond().status}, ${respond().headers.get("content-type")})`,
    "reachable",
    { around: () => Promise.resolve(respond()) },
    /another program answers at http/,
    /GATEWAY_URL/,
  ]),
  [
    "a function of another version",
    "configured",
    {
      around: async (request, next) => {
        const response = await next(request);
        if (!request.url.endsWith("/health")) return response;
        const { data } = await response.json();
        return Response.json({ success: true, data: { ...data, version: "0.9.0" } }, response);
      },
    },
    /^version 0\.9\.0 runs there, and this checkout is \d/,
    /functions deploy/,
  ],
  [
    "a project without the function",
    "reachable",
    {
      around: () =>
        answer({ code: "NOT_FOUND", message: "Requested function was not found" }, { status: 404 }),
    },
    /there is no function at/,
    /functions deploy/,
  ],
  [
    "a function that does not start",
    "reachable",
    {
      around: () =>
        answer({ code: "BOOT_ERROR", message: "Function failed to start" }, { status: 503 }),
    },
    /not the gateway: status 503: Function failed to start/,
    /Logs/,
  ],
  [
    "a platform that asks for JWTs",
    "verify_jwt",
    { around: () => answer({ msg: "Error: Missing authorization header" }, { status: 401 }) },
    /Missing authorization header/,
    /verify_jwt = false/,
  ],
  [
    "a function without its secrets",
    "configured",
    { env: { API_KEY_ENCRYPTION_KEY: "" } },
    /status 500: the gateway is not configured/,
    /secrets set/,
  ],
  [
    "a clock that is ahead",
    "clock",
    { options: { now: () => Date.now() + 45_000 } },
    /^this machine is 4[45]\.\d s ahead of the gateway$/,
    /NTP/,
  ],
  [
    "a clock that is behind",
    "clock",
    { options: { now: () => Date.now() - 400_000 } },
    /^this machine is (?:399|400)\.\d s behind the gateway$/,
    /NTP/,
  ],
  [
    "an audience that clients do not know of",
    "audience",
    { env: { GATEWAY_AUDIENCE: "https://elsewhere.example/llm" } },
    /takes https:\/\/elsewhere\.example\/llm for its name/,
    /GATEWAY_AUDIENCE=http:\/\/127/,
  ],
  [
    "an audience that leads elsewhere",
    "audience",
    {
      env: { GATEWAY_AUDIENCE: "http://127.0.0.1:1/functions/v1/x" },
      options: {
        audience: "http://127.0.0.1:1/functions/v1/x",
        fetch: fetchWith((request, next) =>
          request.url.includes("127.0.0.1:1/") ? answer({}) : next()
        ),
      },
    },
    /does not lead to the gateway/,
    /GATEWAY_AUDIENCE/,
  ],
  [
    "a database on another continent",
    "distance",
    { options: { fetch: abroad } },
    /^95\.0 ms from us-east-1 to the database, 3\.0 ms from eu-west-3$/,
    /x-region: eu-west-3/,
  ],
  [
    "a database that is down",
    "distance",
    {
      around: (request, next) =>
        request.url.endsWith("?deep=1")
          ? answer({ error: { message: "the database did not take it" } }, { status: 503 })
          : next(request),
    },
    /status 503/,
    /^Start it: deno task dev/,
  ],
  [
    "a management key that OpenRouter refuses",
    "management key",
    { env: { OPENROUTER_PROVISIONING_KEY: "sk-or-v1-revoked" } },
    /no new DID gets a key/,
    /management-keys/,
  ],
  [
    "a workspace that does not exist",
    "workspace",
    { options: (_url, env) => ({ variables: { ...env, OPENROUTER_WORKSPACE_ID: "nowhere" } }) },
    /status 400/,
    /OPENROUTER_WORKSPACE_ID/,
  ],
  [
    "a guardrail that does not exist",
    "guardrail",
    { options: (_url, env) => ({ variables: { ...env, OPENROUTER_GUARDRAIL_ID: "nothing" } }) },
    /status 404 to guardrail nothing/,
    /OPENROUTER_GUARDRAIL_ID/,
  ],
  [
    "a management key that may make no keys",
    "provisioning key",
    {
      options: {
        fetch: fetchWith((request, next) =>
          request.method === "POST" && request.url.endsWith("/keys")
            ? answer({}, { status: 403 })
            : next()
        ),
      },
    },
    /POST \/keys with status 403/,
    /management key/,
  ],
  [
    "a gateway that asks nobody who they are",
    "signed request",
    {
      around: (request, next) =>
        request.url.endsWith("/limits") ? answer({ success: true }) : next(request),
    },
    /an unsigned request: status 200/,
    /Deploy/,
  ],
  ["an answer that is held back", "streaming", { around: collecting }, /came at once/, /buffering/],
  [
    "a model that the account has not",
    "streaming",
    { options: { model: "no/such-model" } },
    /no\/such-model/,
    /--model/,
  ],
  [
    "two prices of one call",
    "cost",
    { options: { fetch: overpriced } },
    /\/generation says 9$/,
    /gen-/,
  ],
  [
    "a wrong unit of cost",
    "cost",
    { options: (_url, env) => ({ variables: { ...env, OPENROUTER_USD_PER_CREDIT: "0.000001" } }) },
    /by the price list \$0\.0000/,
    /OPENROUTER_USD_PER_CREDIT/,
  ],
  [
    "books in another unit",
    "books",
    { env: { OPENROUTER_USD_PER_CREDIT: "0.5" } },
    /is booked of a call that cost/,
    /OPENROUTER_USD_PER_CREDIT/,
  ],
];
