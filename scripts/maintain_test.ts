import assert from "node:assert/strict";
import postgres from "postgres";
import { runOperatorCommand } from "./operator/testing.ts";
import { startStack } from "./stack/start_stack.ts";

Deno.test("maintain does the housekeeping and says what was done", async () => {
  const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true });
  const sql = postgres(stack.databaseUrl, { max: 1 });
  try {
    await sql`
      insert into public.request_logs (id, did, method, endpoint, request_time)
      values (gen_random_uuid(), 'did:key:zLost', 'POST', '/messages', now() - interval '1 hour')`;
    await sql`
      insert into public.accepted_messages (message_hash, expires_at)
      select sha256(n::text::bytea), now() - interval '2 hours' from generate_series(1, 3) as n`;

    const runs = [];
    for (let run = 0; run < 2; run++) {
      runs.push(
        await runOperatorCommand("maintain.ts", [], { DATABASE_URL: stack.databaseUrl }),
      );
    }

    for (const { code, stderr } of runs) {
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    }
    const [first, second] = runs.map(({ stdout }) => stdout);
    assert.match(first!, /^expired_requests: 1$/m);
    assert.match(first!, /^purged_messages: 3$/m);
    assert.match(second!, /^expired_requests: 0$/m);
    assert.match(second!, /^purged_messages: 0$/m);
    const [row] = await sql`
      select status, error_message from public.request_logs where did = 'did:key:zLost'`;
    assert.equal(row?.status, "failed");
    assert.match(row?.error_message, /^worker_lost/);
  } finally {
    await sql.end();
    await stack.stop();
  }
});

Deno.test("maintain says in one line that Postgres does not answer, without the password", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stdout, stderr } = await runOperatorCommand("maintain.ts", [], {
    DATABASE_URL: `postgres://postgres:hunter2@127.0.0.1:${port}/postgres`,
  });
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(stderr, `error: connect ECONNREFUSED 127.0.0.1:${port}\n`);
});
