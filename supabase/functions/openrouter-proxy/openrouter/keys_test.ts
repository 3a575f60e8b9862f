import assert from "node:assert/strict";
import type { KeyLimit } from "./keys.ts";
import {
  answered,
  failureOf,
  NO_LIMIT,
  PLAINTEXT,
  type Sent,
} from "../testing/management_answers.ts";

const created = () =>
  Response.json({ data: { hash: "h", name: "n" }, key: PLAINTEXT }, { status: 201 });

Deno.test("createKey sends the name and the limit's own digits, and gives hash and plaintext", async () => {
  const { management, sent } = answered(created);
  const limit: KeyLimit = { creditLimit: "12.000000000000000001", creditLimitReset: "monthly" };

  assert.deepEqual(await management.createKey('a "name"', limit), { hash: "h", key: PLAINTEXT });

  const [{ line, headers, body, redirect }] = sent as [Sent];
  assert.equal(line, "POST /keys");
  assert.equal(
    body,
    '{"name":"a \\"name\\"","limit":12.000000000000000001,"limit_reset":"monthly"}',
  );
  assert.equal(headers.authorization, "Bearer sk-management");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(redirect, "error");
});

Deno.test("a key without limit is created with null", async () => {
  const { management, sent } = answered(created);
  await management.createKey("n", NO_LIMIT);
  assert.equal(sent[0]?.body, '{"name":"n","limit":null,"limit_reset":null}');
});

Deno.test("keys are created in the gateway's workspace", async () => {
  const { management, sent } = answered(created, 'ws "1"');
  await management.createKey("n", NO_LIMIT);
  assert.equal(
    sent[0]?.body,
    '{"name":"n","limit":null,"limit_reset":null,"workspace_id":"ws \\"1\\""}',
  );
});

for (
  const body of [
    `{"key":"${PLAINTEXT}"}`,
    `{"key":"${PLAINTEXT}","data":{"hash":7}}`,
    `{"key":"${PLAINTEXT}","data":{"hash":""}}`,
    '{"data":{"hash":"h"},"key":""}',
    "null",
    "[]",
    `{"data":{"hash":"h"},"key":"${PLAINTEXT}`,
    "",
  ]
) {
  Deno.test(`createKey takes no ${JSON.stringify(body)} for a key, and does not repeat it`, async () => {
    const { management } = answered(() => new Response(body, { status: 201 }));
    const { status } = await failureOf(management.createKey("n", NO_LIMIT));
    assert.equal(status, null);
  });
}

Deno.test("setLimit sends the limit's own digits", async () => {
  const { management, sent } = answered(() => Response.json({ data: {} }));
  await management.setLimit("a/b", { creditLimit: "0.10", creditLimitReset: null });
  assert.equal(sent[0]?.line, "PATCH /keys/a%2Fb");
  assert.equal(sent[0]?.body, '{"limit":0.10,"limit_reset":null}');
});

Deno.test("a key that is gone counts as deleted, one that is refused does not", async () => {
  const { management, sent } = answered(() => new Response("{}", { status: 404 }));
  await management.deleteKey("h");
  assert.equal(sent[0]?.line, "DELETE /keys/h");
  assert.equal(sent[0]?.body, undefined);

  const refusing = answered(() => new Response("{}", { status: 403 }));
  assert.equal((await failureOf(refusing.management.deleteKey("h"))).status, 403);
});

Deno.test("a key is alive that OpenRouter has, that is not disabled, and has not expired", async () => {
  const expiring = (expires_at: unknown) => () =>
    Response.json({ data: { hash: "a/b", disabled: false, expires_at } });
  for (
    const [answer, isAlive] of [
      [() => Response.json({ data: { hash: "a/b", disabled: false } }), true],
      [() => Response.json({ data: { hash: "a/b", disabled: true } }), false],
      [() => new Response("{}", { status: 404 }), false],
      [expiring(null), true],
      [expiring("2026-11-22T10:00:01Z"), true],
      [expiring("2026-11-22T10:00:00Z"), false],
      [expiring("2026-11-22T11:59:59+02:00"), false],
      [expiring("some day"), true],
    ] as const
  ) {
    const { management, sent } = answered(answer);
    assert.equal(await management.isAlive("a/b", Date.parse("2026-11-22T10:00:00Z")), isAlive);
    assert.equal(sent[0]?.line, "GET /keys/a%2Fb");
    assert.equal(sent[0]?.body, undefined);
  }
  const refusing = answered(() => new Response("{}", { status: 401 }));
  assert.equal((await failureOf(refusing.management.isAlive("h", 0))).status, 401);
});

Deno.test("limits are told and read in credits, at the operator's rate", async () => {
  const { management, sent } = answered(
    ({ method }) =>
      Response.json(method === "GET" ? { data: [{ hash: "a", limit: 2_500_000 }] } : { data: {} }),
    null,
    "0.000001",
  );
  await management.setLimit("h", { creditLimit: "2.5", creditLimitReset: "daily" });
  assert.equal(sent[0]?.body, '{"limit":2500000,"limit_reset":"daily"}');
  const [key] = await Array.fromAsync(management.listKeys());
  assert.equal(key?.limit, "2.5");
});

for (
  const [member, byokUsage] of [["", "0"], [',"byok_usage":null', null], [
    ',"byok_usage":2e-7',
    "2e-7",
  ]]
) {
  Deno.test(`of usage${member} the BYOK part is ${byokUsage}`, async () => {
    const { management } = answered(() => new Response(`{"data":{"usage":1.50${member}}}`));
    assert.deepEqual(await management.keyUsage("h"), { usage: "1.50", byokUsage });
  });
}
