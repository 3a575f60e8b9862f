/** A deployment by the real Supabase CLI, to a project that is not there: what it would upload and change. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { functionGraph } from "../../../scripts/deploy/function_graph.ts";
import { runOperatorCommand } from "../../../scripts/operator/testing.ts";
import { type ManagementApi, REF, startManagementApi } from "./harness/management_api.ts";
import { serveGateway } from "./harness/served_gateway.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

interface Deployment {
  api: ManagementApi;
  /** Runs the command with these options. */
  deploy(...options: string[]): ReturnType<typeof runOperatorCommand>;
  /** The same where nobody is logged in. */
  deployUnknown(...options: string[]): ReturnType<typeof runOperatorCommand>;
  /** Writes the file of secrets. */
  write(variables: Record<string, string>): Promise<void>;
}

/** Without sanitizers: the gateway in this process keeps timers and connections. */
function test(name: string, fn: (deployment: Deployment) => Promise<void>) {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using running = new AsyncDisposableStack();
      const { db, env, stack } = world;
      const api = await startManagementApi(async (sql) => [...await db.sql.unsafe(sql)]);
      running.defer(api.stop);
      const { GATEWAY_AUDIENCE: _, ...gatewayEnv } = env;
      const gateway = await serveGateway(gatewayEnv);
      running.defer(gateway.stop);
      const folder = await Deno.makeTempDir();
      running.defer(() => Deno.remove(folder, { recursive: true }));
      const path = join(folder, "secrets.env");
      const run = (options: string[], env: Record<string, string>) =>
        runOperatorCommand("deploy.ts", [
          `--remote=${REF}`,
          `--env-file=${path}`,
          `--identity=${join(folder, "doctor.did.json")}`,
          ...options,
        ], env);
      await fn({
        api,
        deploy: (...options) =>
          run(options, {
            ...api.env,
            GATEWAY_URL: gateway.url,
            DATABASE_URL: stack.databaseUrl,
            PGSSLMODE: "disable",
          }),
        // Where the CLI keeps a login: that of whoever runs the tests is not looked for.
        deployUnknown: (...options) =>
          run(options, {
            SUPABASE_HOME: folder,
            SUPABASE_NO_KEYRING: "1",
            SUPABASE_ACCESS_TOKEN: "",
          }),
        async write(variables) {
          const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
          await Deno.writeTextFile(path, lines.join(""));
        },
      });
    },
  });
}

function secrets() {
  const { OPENROUTER_API_URL, OPENROUTER_PROVISIONING_KEY, API_KEY_ENCRYPTION_KEY } = world.env;
  return {
    OPENROUTER_API_URL: OPENROUTER_API_URL!,
    OPENROUTER_PROVISIONING_KEY: OPENROUTER_PROVISIONING_KEY!,
    API_KEY_ENCRYPTION_KEY: API_KEY_ENCRYPTION_KEY!,
  };
}

test("deploy sets the secrets, uploads the function alone, schedules maintenance, and looks at it all", async ({ api, deploy, write }) => {
  api.secrets.set("ALERT_WEBHOOK_URL", "https://hooks.example/alerts");
  const file = { ...secrets(), ALERT_WEBHOOK_URL: "" };
  await write(file);
  const { code, stdout, stderr } = await deploy("--yes");

  // The database is migrated already, and the secrets come before the function has a URL.
  assert.deepEqual(api.changes, ["secrets", "functions/deploy", "database/query"], stdout + stderr);
  assert.deepEqual(Object.fromEntries(api.secrets), file);
  assert.match(stdout, /^ *cleared: ALERT_WEBHOOK_URL$/m);
  const [upload] = api.uploads;
  assert.deepEqual(upload?.metadata, {
    entrypoint_path: "supabase/functions/openrouter-proxy/index.ts",
    import_map_path: "supabase/functions/openrouter-proxy/deno.json",
    static_patterns: [],
    verify_jwt: false,
    name: "openrouter-proxy",
  });
  const { files, sourceBytes } = await functionGraph();
  const paths = [...upload!.files.keys()];
  assert.deepEqual(
    paths.filter((path) => !path.startsWith("supabase/functions/openrouter-proxy/")),
    [],
  );
  // The modules, and the import map.
  const map = upload!.files.get("supabase/functions/openrouter-proxy/deno.json")!;
  const bytes = [...upload!.files.values()].reduce((sum, size) => sum + size, 0);
  assert.deepEqual([paths.length, bytes], [files + 1, sourceBytes + map]);
  assert.deepEqual(paths.filter((path) => /_test\.ts$|\/testing\//.test(path)), []);
  assert.deepEqual(api.statements.map((sql) => sql.split("\n")), [[
    "create extension if not exists pg_net;",
    `select public.schedule_maintenance('https://${REF}.supabase.co/functions/v1/openrouter-proxy', ` +
    "'sb_secret_0123456789abcdef');",
    "",
  ]]);

  // Each is shown as it would be typed.
  const at = ["db push", "secrets set", "functions deploy", "db query", "The doctor:"]
    .map((part) => stdout.indexOf(part));
  assert.deepEqual(at, at.toSorted((a, b) => a - b));
  assert.ok(!at.includes(-1), stdout);
  const red = [...stdout.matchAll(/^RED (.{18})/gm)].map(([, name]) => name!.trim());
  // The tests' stack has no limits, and may have keys of other gateways.
  assert.deepEqual(red.filter((name) => name !== "stored keys"), ["limits"]);
  assert.deepEqual([code, stderr], [1, ""]);
  for (
    const secret of [
      ...Object.values(secrets()).slice(1),
      "hooks.example",
      "sb_secret_0123456789abcdef",
    ]
  ) {
    assert.ok(!stdout.includes(secret));
  }
});

test("deploy refuses what would lock everybody out, could not start, or was not asked for, before it changes anything", async ({ api, deploy, write }) => {
  await write({ API_KEY_ENCRYPTION_KEY: "change-me" });
  const unusable = await deploy("--yes");
  assert.equal(unusable.code, 2);
  assert.match(
    unusable.stderr,
    /OPENROUTER_PROVISIONING_KEY is not set.*API_KEY_ENCRYPTION_KEY must/,
  );

  api.secrets.set("API_KEY_ENCRYPTION_KEY", randomBytes(32).toString("base64"));
  await write(secrets());
  const unasked = await deploy();
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /nobody to ask: --yes does every step/);
  const lockout = await deploy("--yes");
  assert.equal(lockout.code, 1);
  assert.match(lockout.stderr, /another API_KEY_ENCRYPTION_KEY than the file.*rotate-keys/);
  assert.deepEqual(api.changes, []);
});

test("a dry run without a login checks what it can, says what it left out, and a real run stops", async ({ deployUnknown, write }) => {
  await write(secrets());
  const dry = await deployUnknown("--dry-run");
  assert.deepEqual([dry.code, dry.stderr], [0, ""], dry.stdout);
  assert.match(
    dry.stdout,
    /secrets\.env: the shapes are right of API_KEY_ENCRYPTION_KEY, OPENROUTER/,
  );
  assert.match(dry.stdout, /20261122000000_accounts_and_request_log\.sql/);
  assert.match(dry.stdout, /set: OPENROUTER_API_URL, OPENROUTER_PROVISIONING_KEY, API_KEY/);
  assert.match(dry.stdout, /nobody is logged in .* the project was not looked at/);
  const real = await deployUnknown("--yes");
  assert.equal(real.code, 1);
  assert.match(real.stderr, /^error: nobody .* log in: npx -y supabase@\S+ login$/m);
  assert.doesNotMatch(real.stdout, /db push/);

  await write({ API_KEY_ENCRYPTION_KEY: "change-me" });
  const unusable = await deployUnknown("--dry-run");
  assert.equal(unusable.code, 2);
  assert.match(unusable.stdout, /4\/4 /);
  assert.match(unusable.stderr, /a real run refuses .*OPENROUTER_PROVISIONING_KEY is not set/);
});
