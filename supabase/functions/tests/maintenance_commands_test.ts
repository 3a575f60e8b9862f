/** The operator's commands that ask for maintenance. */
import assert from "node:assert/strict";
import { runOperatorCommand } from "../../../scripts/operator/testing.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });

function environment(): Record<string, string> {
  return { GATEWAY_URL: world.gateway.url, SUPABASE_SECRET_KEYS: world.stack.secretKeys };
}

/** A call of a new DID whose row a killed gateway has left, at OpenRouter and in the log. */
async function lostCall() {
  const { gateway, db } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("one two three"));
  await response.text();
  const { id } = await db.endedRow(response);
  await db.sql`delete from public.usage_daily where did = ${identity.did}`;
  await db.sql`
    update public.request_logs set status = 'pending', response_time = null, total_cost = null,
      generation_id = null, cost_source = null, request_time = request_time - interval '20 minutes'
    where id = ${id}`;
  return identity.did;
}

/** Lines without the times, which differ each time. */
function withoutTimes(text: string): string[] {
  return text.trimEnd().split("\n").map((line) => line.replace(/ \(\d+ ms\)$/, ""));
}

Deno.test("maintain says what was done and what is left, and does the owner's part where it may", async () => {
  const { db, stack, openrouter } = world;
  const did = await lostCall();
  await db.sql`
    insert into public.accepted_messages (message_hash, expires_at)
    select sha256(n::text::bytea), now() - interval '2 hours' from generate_series(1, 3) as n`;

  const first = await runOperatorCommand("maintain.ts", [], environment());

  assert.deepEqual([first.code, first.stderr], [0, ""]);
  const [stale, ...others] = withoutTimes(first.stdout);
  // The isolate that had its first settlement sweeps, too.
  assert.match(stale!, /^stale_rows: [01] done, 0 left$/);
  assert.deepEqual(others, [
    "unpriced_rows: 0 done, 0 left",
    "comparison: 1 done, 0 left, 1 differs",
    "lost_calls: 1 done, 0 left",
    "alerts: 0 done, 0 left",
    "purges: 3 done, 0 left",
  ]);
  const { usage } = openrouter.keyOf(await db.keyHash(did));
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 1, cost: usage });

  const second = await runOperatorCommand("maintain.ts", [], {
    ...environment(),
    DATABASE_URL: stack.databaseUrl,
  });
  assert.equal(second.code, 0);
  assert.match(second.stdout, /^purged_requests: 0$/m);
  assert.match(second.stdout, /^partitions created: /m);
  assert.match(second.stdout, /^partitions dropped: none$/m);
  assert.match(second.stdout, /^partitions postponed: none$/m);
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 1, cost: usage });
});

Deno.test("maintain makes months also where the log cannot be purged, and says what failed", async () => {
  const { db, stack } = world;
  await db.sql`alter function public.purge_request_logs rename to purge_hidden`;
  try {
    const { code, stdout, stderr } = await runOperatorCommand("maintain.ts", [], {
      ...environment(),
      DATABASE_URL: stack.databaseUrl,
    });
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*purge_request_logs/m);
    assert.match(stdout, /^partitions created: /m);
  } finally {
    await db.sql`alter function public.purge_hidden rename to purge_request_logs`;
  }
});

Deno.test("maintain --every takes no time that a timer cannot wait for", async () => {
  const { code, stderr } = await runOperatorCommand("maintain.ts", ["--every", "600h"]);
  assert.equal(code, 2);
  assert.match(stderr, /24 days at most/);
});

Deno.test("maintain --every goes on, whatever fails meanwhile", async () => {
  const { gateway, stack } = world;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "scripts/maintain.ts", "--every", "1s"],
    env: { ...environment(), GATEWAY_URL: `${gateway.url}/nowhere`, DATABASE_URL: "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  for await (const chunk of command.stderr.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.match(/^error: /gm)?.length === 2) break;
  }
  command.kill("SIGTERM");
  await command.stdout.cancel();
  await command.status;
  assert.match(text, /^error: POST http.*nowhere.* was answered with status 404/m);
  assert.ok(!text.includes(JSON.parse(stack.secretKeys).default));
});

Deno.test("reconcile costs finds what maintenance finds, until there is nothing more", async () => {
  const { db, openrouter } = world;
  const did = await lostCall();
  const { code, stdout, stderr } = await runOperatorCommand(
    "reconcile.ts",
    ["costs"],
    environment(),
  );
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^lost_calls: 1 done, 0 left/m);
  const { usage } = openrouter.keyOf(await db.keyHash(did));
  assert.equal((await db.booked(did)).cost, usage);
});

Deno.test("reconcile costs does not pass for done while another maintenance runs", async () => {
  const { db } = world;
  const run = crypto.randomUUID();
  await db.sql`select public.begin_maintenance(${run}::uuid, interval '1 minute')`;
  const outcome = await runOperatorCommand("reconcile.ts", ["costs"], environment());
  await db.sql`select public.end_maintenance(${run}::uuid)`;
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /^error: another maintenance is running/);
});

Deno.test("reconcile costs shows a difference that has stood for an hour", async () => {
  const { db } = world;
  await db.sql`
    insert into public.cost_drift (
      did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd
    )
    values ('did:key:zDrifts', now() - interval '2 hours', now(), 3, 1, 2, 0)`;
  const { stdout } = await runOperatorCommand("reconcile.ts", ["costs"], environment());
  await db.sql`delete from public.cost_drift where did = 'did:key:zDrifts'`;
  assert.match(stdout, /^drift: did:key:zDrifts: OpenRouter's sum minus the books' is 2 USD/m);
});

Deno.test("the commands name what they lack, and say what was refused without the key", async () => {
  for (const [script, args] of [["maintain.ts", []], ["reconcile.ts", ["costs"]]] as const) {
    const lacking = await runOperatorCommand(script, [...args]);
    assert.equal(lacking.code, 2);
    assert.match(lacking.stderr, /GATEWAY_URL is not set .*; SUPABASE_SECRET_KEYS is not set/);
    const refused = await runOperatorCommand(script, [...args], {
      ...environment(),
      SUPABASE_SECRET_KEYS: "sb_secret_hunter2",
      DATABASE_URL: world.stack.databaseUrl,
    });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /was answered with status 401: this is the operator's/);
    assert.ok(!refused.stderr.includes("hunter2"));
    // The months of the log do not wait for a gateway that answers.
    const isMaintain = script === "maintain.ts";
    assert.equal(/^partitions created: /m.test(refused.stdout), isMaintain);
  }
});
