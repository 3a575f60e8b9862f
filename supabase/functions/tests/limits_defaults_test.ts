/** A new gateway as it comes: honest clients notice no limit, and strangers cannot cost more than a few dollars. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { budgetOf } from "./harness/limits.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true, withLimits: true });

const DEAR = "anthropic/claude-opus-4.5";
const DAILY_USD = 5;

Deno.test("an OpenAI client chats, streams and calls tools without noticing any limit", async () => {
  const identity = await newIdentity();
  const client = new OpenAI({
    apiKey: await createDidToken(identity, { audience: AUDIENCE }),
    baseURL: `${world.gateway.url}/api/v1/openrouter`,
    maxRetries: 0,
  });
  const messages = [{ role: "user" as const, content: "hello" }];
  // A worker's first call does not wait for the list of prices for long, and is of an unknown price then.
  await client.chat.completions.create({ model: "openai/gpt-4o-mini", messages });
  for (let n = 0; n < 5; n++) {
    // What is settled gives back what it had reserved.
    await world.db.endedRows(identity.did, 1 + 2 * n);
    const { data, response } = await client.chat.completions.create({
      model: "openai/gpt-4o-mini",
      messages,
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    }).withResponse();
    assert.equal(data.choices[0]!.message.tool_calls?.length, 1);
    assert.ok(Number(response.headers.get("x-budget-remaining-usd")) > 1.9);
    const stream = await client.chat.completions.create({
      model: "openai/gpt-4o",
      messages,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    assert.ok(text.length > 0);
  }
});

Deno.test("what strangers can reserve together is bounded by the gateway's daily budget", async () => {
  const { db, gateway, openrouter } = world;
  // Each asks for as much as a DID may: nine of the ten new accounts that a minute has.
  const strangers = await Promise.all(Array.from({ length: 9 }, newIdentity));
  const leaving = new AbortController();
  const body = chat("hello", { model: DEAR, stream: true });
  const outcomes: number[] = [];
  const calls = strangers.flatMap((stranger) =>
    [1, 2, 3].map(async () => {
      const answer = await call(gateway, stranger, "POST", CHAT, body, {
        headers: { "x-openrouter-simulate": "chunks:50,hang:2" },
        signal: leaving.signal,
      });
      outcomes.push(answer.status);
      if (answer.status !== 200) await assertRefused(answer, 402, "budget_exceeded");
    })
  );
  await Promise.all(calls);
  const held = (await budgetOf(db, "*"))!;
  assert.ok(Number(held.spent) + Number(held.reserved) <= DAILY_USD, JSON.stringify(held));
  assert.ok(outcomes.includes(200) && outcomes.includes(402), outcomes.join(" "));
  const one = await call(gateway, strangers[0]!, "POST", CHAT, body);
  await one.body?.cancel();
  assert.equal(one.status, 402);
  leaving.abort();
  await openrouter.quiet();
});

Deno.test("a minute has ten new accounts, and the eleventh DID is told when to come again", async () => {
  const { gateway, openrouter } = world;
  const made = () => openrouter.ledger().keys.length;
  const answers = await Promise.all(
    Array.from(
      { length: 15 },
      async () =>
        await call(gateway, await newIdentity(), "POST", CHAT, chat("hello", { max_tokens: 10 })),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length >= 12, String(refused.length));
  for (const answer of refused) {
    const { headers } = answer;
    const error = await assertRefused(answer, 429, "rate_limited");
    assert.equal(error.scope, "gateway");
    assert.ok(Number(headers.get("retry-after")) >= 1);
  }
  for (const answer of answers) if (answer.status === 200) await answer.text();
  // One of the ledger's is the tests' own.
  assert.ok(made() - 1 <= 13, String(made()));
});
