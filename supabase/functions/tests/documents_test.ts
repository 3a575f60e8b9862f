/**
 * All documents, as their readers use them: every block of shell, TypeScript and SQL in them runs, in one
 * world, which README.md's first command starts. What a block has to be: docs_test.ts.
 */
import assert from "node:assert/strict";
import type postgres from "postgres";
import { type CodeBlock, codeBlocks } from "../../../scripts/docs/code_blocks.ts";
import { filesOf } from "../../../scripts/docs/documents.ts";
import { runToEnd } from "../../../scripts/run_to_end.ts";
import { type Database, openDatabase } from "./harness/database.ts";
import { isInstalled } from "./harness/installed.ts";
import { type Pasted, type Reader, startReader } from "./harness/reader.ts";

/** Those whose blocks other tests run, and README.zh-CN.md, whose blocks are README.md's. */
const ELSEWHERE = new Set(["docs/clients.md", "README.zh-CN.md", "SKILL.md"]);
/** What a block takes for given, and what has to hold after it, by document and section. */
const AROUND: Record<string, [before: string, after: string]> = {
  "docs/protocol.md, Alerts": [
    `import { createHmac, timingSafeEqual } from "node:crypto";
    const [secret, rawBody] = ["0123456789abcdef", '{"id":"1"}'];
    const signature = "sha256=" + createHmac("sha256", secret).update(rawBody).digest("hex");`,
    `if (!isOurs) throw new Error("not ours");`,
  ],
};
/** What of pg_cron, pg_net and Vault the recipes use: the embedded Postgres has none of them. */
const STAND_INS = `
  create schema cron;
  create table cron.job (jobname text primary key, schedule text, command text, active boolean default true);
  create function cron.schedule(text, text, text) returns bigint language sql as
    'insert into cron.job values ($1, $2, $3) on conflict do nothing; select 1::bigint';
  create function cron.unschedule(text) returns boolean language sql as 'select true';
  create schema net;
  create function net.http_post(url text, body jsonb, headers jsonb, timeout_milliseconds integer)
    returns bigint language sql as 'select 1::bigint';
  create schema vault;
  create table vault.secrets (id uuid default gen_random_uuid(), name text, secret text);
  create function vault.create_secret(text, text) returns uuid language sql as
    'insert into vault.secrets (secret, name) values ($1, $2) returning id';
`;

const DOCUMENTS = [...filesOf(["md"])].filter(([path]) => !ELSEWHERE.has(path));

/** The blocks of a document in these languages; README.md's without the one that starts the world. */
function blocksOf(path: string, languages: string[]): CodeBlock[] {
  const text = DOCUMENTS.find(([name]) => name === path)![1];
  return codeBlocks(text).filter((block) =>
    languages.includes(block.language) && !/task dev$/.test(block.code)
  ).map((block) => {
    const [before, after] = AROUND[`${path}, ${block.title}`] ?? ["", ""];
    const isProgram = block.language === "ts" || block.language === "js";
    return isProgram ? { ...block, code: [before, block.code, after].join("\n") } : block;
  });
}

const PASTED = ["sh", "ts", "js"];

let reader: Reader;
/** All documents are read at the same time, each in a terminal of its own. */
const readings = new Map<string, Promise<Pasted[]>>();
let db: Database;
/** The DID that README.md's reader has made. */
let did: string;
const canRun = Deno.build.os !== "windows" && await isInstalled("curl");
const starting = new AsyncDisposableStack();

Deno.test.beforeAll(async () => {
  if (!canRun) return;
  const start = codeBlocks(DOCUMENTS.find(([path]) => path === "README.md")![1])[0]!;
  reader = await startReader(start);
  starting.defer(reader.stop);
  db = openDatabase(reader.environment.DATABASE_URL!);
  starting.defer(() => db.sql.end());
  for (const [path] of DOCUMENTS) {
    const blocks = blocksOf(path, PASTED);
    if (blocks.length === 0) continue;
    const reading = reader.paste(blocks);
    // Its own test tells of what fails, which may be before that test has begun.
    reading.catch(() => {});
    readings.set(path, reading);
  }
});
Deno.test.afterAll(() => starting.disposeAsync());

/** What a document's blocks printed. */
async function read(path: string): Promise<Pasted[]> {
  const pasted = await readings.get(path)!;
  for (const { block, output } of pasted) {
    assert.doesNotMatch(output, /"success": ?false/, `${path}:${block.line}`);
  }
  return pasted;
}

const outputOf = (pasted: Pasted[], code: RegExp) =>
  pasted.find(({ block }) => code.test(block.code))!.output;

Deno.test("README.md leads from nothing to a streamed answer, its cost, an SDK and Claude Code", {
  ignore: !canRun,
}, async () => {
  const pasted = await read("README.md");
  const asked = outputOf(pasted, /did curl --stream/);
  did = /^did:key:z\S+$/m.exec(asked)![0];
  assert.match(asked, /^data: \[DONE\]$/m);
  assert.match(outputOf(pasted, /did usage/), /gpt-4o-mini/);
  assert.match(outputOf(pasted, /new OpenAI\(\)/), /Say hello in five languages\./);
  assert.match(outputOf(pasted, /claude-code/), /"type":"message".*"type":"message"/s);
  // curl's call, the SDK's, and two of Claude Code.
  const rows = await db.endedRows(did, 4);
  assert.ok(rows.every(({ status }) => status === "completed"));
});

for (const [path] of DOCUMENTS) {
  if (path === "README.md" || blocksOf(path, PASTED).length === 0) continue;
  Deno.test(
    `the commands and programs in ${path} work as they stand`,
    { ignore: !canRun },
    async () => {
      await read(path);
    },
  );
}

async function helpOf(task: string): Promise<string> {
  const { stdout } = await runToEnd(Deno.execPath(), {
    args: ["task", "-q", task, "--help"],
    cwd: reader.folder,
  });
  return stdout;
}

/** What takes a hosted command: a task's help, or the step that deploy's help shows. */
function helpFor(command: string, helps: { deploy: string; doctor: string }): string {
  const [program, first, second] = command.split(" ");
  if (program === "task") return helps[first as keyof typeof helps];
  // deploy_test.ts takes these steps with the real CLI; what unsets takes what sets takes.
  const step = `supabase@\\S+ ${first} ${second === "unset" ? "set" : second} .*`;
  return new RegExp(step).exec(helps.deploy)?.[0] ?? "";
}

Deno.test("what the documents do to a hosted project, deploy and doctor do or take", {
  ignore: !canRun,
}, async () => {
  await Promise.allSettled(readings.values());
  const [deploy = "", doctor = ""] = await Promise.all(["deploy", "doctor"].map(helpOf));
  const commands = await reader.hostedCommands();
  assert.ok(commands.some((command) => command.startsWith("task deploy")));
  assert.ok(commands.some((command) => command.startsWith("supabase functions deploy")));
  for (const command of commands) {
    const help = helpFor(command, { deploy, doctor });
    for (const flag of command.match(/(?<= )--[a-z-]+/g) ?? []) {
      assert.ok(help.includes(flag), `${command}: ${flag}`);
    }
  }
});

/** Does something in a transaction that is undone. */
async function undoing(act: (sql: postgres.TransactionSql) => Promise<void>): Promise<void> {
  const undone = new Error("undone");
  const running = db.sql.begin(async (sql) => {
    await act(sql);
    throw undone;
  });
  await running.catch((error) => {
    if (error !== undone) throw error;
  });
}

Deno.test("every SQL recipe in the documents runs as it stands", { ignore: !canRun }, async () => {
  await Promise.allSettled(readings.values());
  for (const [path] of DOCUMENTS) {
    for (const { code, line } of blocksOf(path, ["sql"])) {
      const running = undoing(async (sql) => {
        if (/\bschedule_maintenance\b|\bcron\./.test(code)) await sql.unsafe(STAND_INS);
        await sql.unsafe(code.replaceAll("did:key:z6Mk…", did));
      });
      await running.catch((error) => {
        throw new Error(`${path}:${line}: ${error.message}`);
      });
    }
  }
});

/** A clock that is at tomorrow's date all day: what the database may be set to. */
const TOMORROW = "set local time zone 'AAA-24'";

const recipe = (part: RegExp) =>
  blocksOf("docs/operators.md", ["sql"]).find(({ code }) => part.test(code))!.code;

Deno.test("who is shut out of a flood stays so when those of before are let in", {
  ignore: !canRun,
}, async () => {
  await undoing(async (sql) => {
    await sql`
      insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
      select 'did:key:z' || name, name, 'sealed', name from unnest('{Good, Bad}'::text[]) as name`;
    await sql`
      insert into public.usage_daily (did, day, model, endpoint)
      select 'did:key:z' || name, '2026-01-01', 'm', '/x' from unnest('{Good, Bad}'::text[]) as name`;
    await sql.unsafe(recipe(/count\(allow_did/).replaceAll("did:key:z6Mk…", "did:key:zBad"));
    const policies = await sql`
      select did, access from public.did_policies where did in ('did:key:zGood', 'did:key:zBad')
      order by did`;
    assert.deepEqual(policies.map(({ access }) => access), ["blocked", "allowed"]);
  });
});

Deno.test(
  "who came with a flood is not let in with those of before, in any time zone",
  {
    ignore: !canRun,
  },
  async () => {
    await undoing(async (sql) => {
      await sql`
      insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
      values ('did:key:zNew', 'new', 'sealed', 'new')`;
      await sql`
      insert into public.usage_daily (did, day, model, endpoint, requests)
      values ('did:key:zNew', (now() at time zone 'utc')::date, 'm', '/x', 1)`;
      await sql.unsafe(TOMORROW);
      await sql.unsafe(recipe(/count\(allow_did/).replaceAll("did:key:z6Mk…", "did:key:zBad"));
      assert.deepEqual(
        [...await sql`select from public.did_policies where did = 'did:key:zNew'`],
        [],
      );
    });
  },
);

Deno.test("what a DID used in a month is that of UTC's, in any time zone", {
  ignore: !canRun,
}, async () => {
  await undoing(async (sql) => {
    await sql`
      insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
      values ('did:key:zNew', 'new', 'sealed', 'new')`;
    await sql`
      insert into public.usage_daily (did, day, model, endpoint, requests)
      values ('did:key:zNew', '2026-10-31', 'm', '/x', 1), ('did:key:zNew', '2026-11-30', 'm', '/x', 2)`;
    await sql.unsafe(TOMORROW);
    const stats = /select usage_stats.*;/.exec(recipe(/select usage_stats/))![0];
    const [row] = await sql.unsafe(stats.replace("did:key:z6Mk…", "did:key:zNew"));
    assert.equal(row!.usage_stats.total_requests, 2);
  });
});

Deno.test("a line of the log is booked as it stands, whatever it holds beside settlements", {
  ignore: !canRun,
}, async () => {
  const row = { requestId: crypto.randomUUID(), requestTime: "2026-11-27T10:30:00Z" };
  const line = JSON.stringify({
    event: "settlement_deferred",
    entries: [
      { row, cost: "0.7", costSource: "generation" },
      { ...row, outcome: "discarded" },
      { ...row, status: "completed", cost: "0.5", costSource: "response" },
    ],
  });
  await undoing(async (sql) => {
    await sql`
      insert into public.request_logs (id, did, method, endpoint, request_time)
      values (${row.requestId}, 'did:key:zHeld', 'POST', '/x', ${row.requestTime})`;
    await sql.unsafe(recipe(/select settle_request/).replace(/'\{"event.*\}'/, () => `'${line}'`));
    const [booked] = await sql`
      select status, total_cost from public.request_logs where id = ${row.requestId}`;
    assert.deepEqual({ ...booked }, { status: "completed", total_cost: "0.5" });
  });
});
