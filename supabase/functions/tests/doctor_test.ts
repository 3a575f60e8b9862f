/** The doctor: a gateway that is well, and one that is ill for each of its checks. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { CHECKS } from "../../../scripts/doctor/checks.ts";
import { examine, type Result } from "../../../scripts/doctor/examine.ts";
import { patientOf } from "../../../scripts/doctor/patient.ts";
import { runOperatorCommand } from "../../../scripts/operator/testing.ts";
import { PROJECT_ROOT } from "../../../scripts/stack/data_folder.ts";
import { migrationsIn } from "../../../scripts/stack/migrate.ts";
import { type Identity, newIdentity } from "./harness/client.ts";
import { answer, type Case, CRON, hosted, ILL, RUNS } from "./harness/ill_gateways.ts";
import { serveGateway } from "./harness/served_gateway.ts";
import { useWorld } from "./harness/world.ts";

// Other gateways seal keys under other encryption keys.
const world = useWorld({ freshStack: true });

/** Without sanitizers: gateways in this process keep timers and connections. */
function test(name: string, fn: () => Promise<void>) {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

/** A new gateway has them, and the tests' stack has none. */
const WITH_LIMITS = "select public.set_gateway_limits(daily_budget_usd => 5);";
let identity: Promise<Identity> | undefined;

/** What the checks of these names find, and those that must come before them. */
async function findings(names: string[] | null, ill: Case = {}): Promise<Result[]> {
  const { env, db } = world;
  const gatewayEnv = { ...env, ...ill.env };
  if (ill.env?.GATEWAY_AUDIENCE === undefined) {
    delete (gatewayEnv as Record<string, string>).GATEWAY_AUDIENCE;
  }
  const gateway = await serveGateway(gatewayEnv, ill.around);
  const { GATEWAY_AUDIENCE: _, ...variables } = env;
  const options = typeof ill.options === "function" ? ill.options(gateway.url, env) : ill.options;
  const patient = patientOf({
    gatewayUrl: gateway.url,
    audience: gateway.url,
    region: null,
    variables,
    file: null,
    project: null,
    async query(text) {
      let rows: Record<string, unknown>[] = [];
      const undo = new Error("undo");
      await db.sql.begin(async (sql) => {
        await sql.unsafe(WITH_LIMITS + (ill.sql ?? ""));
        rows = [...await sql.unsafe(text)];
        throw undo;
      }).catch((error) => {
        if (error !== undo) throw error;
      });
      return rows;
    },
    mayChange: true,
    model: "openai/gpt-4o-mini",
    identity: () => identity ??= newIdentity(),
    migrations: () => migrationsIn(`${PROJECT_ROOT}/supabase/migrations`),
    fetch,
    // Shorter than OpenRouter takes, and more than the simulator and the books need.
    sleep: (ms) => setTimeout(ms / 10),
    now: Date.now,
    elapsedMs: () => performance.now(),
    ...options,
  });
  try {
    return await examine(names === null ? CHECKS : withEarlier(names), patient, () => {});
  } finally {
    await gateway.stop();
  }
}

/** Checks by name, and what comes before them, in the table's order. */
function withEarlier(names: string[]) {
  const wanted = new Set(names);
  for (const { name, after = [] } of CHECKS.toReversed()) {
    if (wanted.has(name)) { for (const earlier of after) wanted.add(earlier); }
  }
  return CHECKS.filter(({ name }) => wanted.has(name));
}

test("a gateway that is well is green in everything", async () => {
  const results = await findings(null);
  assert.deepEqual(results.filter(({ state }) => state !== "ok"), []);
  assert.equal(results.length, CHECKS.length);
  const { keys } = world.openrouter.ledger();
  const made = keys.find(({ name }) => name === "the LLM gateway's doctor");
  assert.equal(made?.deleted, true);
});

for (const [name, check, ill, detail, remedy] of ILL) {
  test(`${name} is red, with its remedy`, async () => {
    const results = await findings([check], ill);
    const result = results.at(-1)!;
    assert.deepEqual([result.name, result.state], [check, "bad"], JSON.stringify(results));
    assert.match(result.detail, detail);
    assert.match(result.state === "bad" ? result.remedy : "", remedy);
    // It is told once: what comes before it is well.
    assert.deepEqual(results.filter(({ state }) => state !== "ok"), [result]);
    const secrets = [world.openrouter.managementKey, world.encryptionKey];
    for (const secret of secrets) assert.ok(!JSON.stringify(results).includes(secret));
  });
}

test("a DID that is blocked is red, with the statement that lets it in", async () => {
  const { db } = world;
  const { did } = await (identity ??= newIdentity());
  await db.sql`select public.block_did(${did})`;
  const result = (await findings(["signed request"])).at(-1)!;
  await db.sql`select public.allow_did(${did})`;
  assert.equal(result.state, "bad");
  assert.equal(
    result.state === "bad" && result.remedy,
    `Let the doctor in: select allow_did('${did}');`,
  );
});

test("jobs that are scheduled are green once they run, and neither green nor red before", async () => {
  const waiting = await findings(["jobs", "maintenance"], {
    sql: `${CRON} delete from public.maintenance_runs;`,
    options: hosted,
  });
  assert.deepEqual(waiting.slice(-2).map(({ state }) => state), ["unchecked", "unchecked"]);
  const running = await findings(["jobs", "maintenance"], {
    sql: `${CRON}${RUNS} delete from public.maintenance_runs; insert into public.maintenance_runs
      values (true, gen_random_uuid(), now() - interval '5 minutes', '-infinity');`,
    options: hosted,
  });
  assert.deepEqual(running.slice(-2).map(({ state }) => state), ["ok", "ok"]);
});

test("what can only follow from something red is not looked at", async () => {
  const results = await findings(["books"], {
    around: () => answer({ msg: "Error: Missing authorization header" }, { status: 401 }),
  });
  assert.deepEqual(results.map(({ name, state }) => [name, state]), [
    ["reachable", "ok"],
    ["verify_jwt", "bad"],
    ["configured", "unchecked"],
    ["clock", "unchecked"],
    ["audience", "unchecked"],
    ["signed request", "unchecked"],
    ["streaming", "unchecked"],
    ["cost", "unchecked"],
    ["books", "unchecked"],
  ]);
});

test("a management key is looked at however far the database is, and not where nothing tells of it", async () => {
  const states = async (ill: Case) =>
    (await findings(["distance", "management key"], ill)).slice(-2).map(({ state }) => state);
  const [, , far] = ILL.find(([name]) => name === "a database on another continent")!;
  const [, , down] = ILL.find(([name]) => name === "a database that is down")!;
  assert.deepEqual(await states(far), ["bad", "ok"]);
  assert.deepEqual(await states(down), ["bad", "unchecked"]);
});

test("the command's exit code and JSON say what is red, and with --read-only nothing is made", async () => {
  const { openrouter, env, stack } = world;
  const gateway = await serveGateway({ ...env, GATEWAY_AUDIENCE: "https://elsewhere.example/llm" });
  const keys = openrouter.ledger().keys.length;
  const { GATEWAY_AUDIENCE: _, ...variables } = env;
  const command = await runOperatorCommand("doctor.ts", ["--json", "--read-only"], {
    ...variables,
    GATEWAY_URL: gateway.url,
    // What is empty is not set.
    GATEWAY_AUDIENCE: "",
    OPENROUTER_WORKSPACE_ID: "",
    OPENROUTER_GUARDRAIL_ID: " ",
    OPENROUTER_USD_PER_CREDIT: "",
    DATABASE_URL: stack.databaseUrl,
  });
  await gateway.stop();
  assert.deepEqual([command.code, command.stderr], [1, ""]);
  const { gateway_url, checks } = JSON.parse(command.stdout);
  assert.equal(gateway_url, gateway.url);
  const red = checks.filter(({ state }: Result) => state === "bad").map(({ name }: Result) => name);
  // The stack of the tests has no limits.
  assert.deepEqual(red, ["limits", "audience"]);
  assert.equal(
    checks.find(({ name }: Result) => name === "guardrail").detail,
    "none is set",
  );
  assert.equal(
    checks.find(({ name }: Result) => name === "provisioning key").detail,
    "--read-only",
  );
  assert.equal(openrouter.ledger().keys.length, keys);
  assert.ok(!command.stdout.includes(new URL(stack.databaseUrl).password));
});

test("the command is refused what it cannot read, without its values", async () => {
  const bad = await runOperatorCommand("doctor.ts", [], {
    DATABASE_URL: "postgres://u:p#hunter2@h/x",
  });
  assert.deepEqual([bad.code, bad.stdout], [2, ""]);
  assert.match(bad.stderr, /DATABASE_URL must be a URL/);
  assert.ok(!bad.stderr.includes("hunter2"));
});
