/** Many calls at once, good and bad, which the gateway decides on together: each gets its own answer. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity, signed } from "./harness/client.ts";
import { setLimits } from "./harness/limits.ts";
import { startProxy } from "./harness/proxy.ts";
import { assertRefusal } from "./harness/refusal.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { useWorld } from "./harness/world.ts";

const ROUNDS = Number(Deno.env.get("MIXED_CALLS_TEST_ROUNDS") ?? 3);
const CALLS = 64;
/** After so many rounds others call: a worker hears no DID for a while that it refuses too often. */
const ROUNDS_OF_CALLERS = 10;

const world = useWorld({ gateways: 0 });
let gateway: { url: string };
/** How often the gateway has asked for admissions together. */
let batches = 0;

const CALLERS = ["alice", "bob", "carol", "poor", "listed", "blocked"] as const;
type Callers = Record<typeof CALLERS[number], Identity>;

Deno.test.beforeAll(async () => {
  const dataApi = startProxy(world.stack.url, (request, pass) => {
    if (request.url.endsWith("/rpc/admit_requests")) batches++;
    return pass();
  });
  world.defer(dataApi.stop);
  const [started] = await startGateways(1, { ...world.env, SUPABASE_URL: dataApi.url });
  world.defer(started!.stop);
  gateway = started!;
});

/** DIDs that have called before, but for the blocked one. */
async function newCallers(): Promise<Callers> {
  const callers = {} as Callers;
  for (const name of CALLERS) callers[name] = await newIdentity();
  const { poor, listed, blocked } = callers;
  for (const identity of Object.values(callers)) {
    if (identity === blocked) continue;
    const answer = await call(gateway, identity, "POST", CHAT, chat("hello"));
    assert.equal(answer.status, 200, await answer.text());
    await world.db.endedRow(answer);
  }
  await setLimits(world.db, poor.did, { daily_budget_usd: "0.00000001" });
  await setLimits(world.db, listed.did, { allowed_models: ["anthropic/*"] });
  await world.db.sql`select block_did(${blocked.did})`;
  return callers;
}

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

/** A call that is about to be sent, and what its answer must be. */
interface Sent {
  what: string;
  send(): Promise<Response>;
  check(answer: Answer): void;
}

type HeaderList = Record<string, string>;

/** A signed chat, which can be sent more than once. */
async function signedChat(
  identity: Identity,
  words: string,
  more: HeaderList = {},
  model?: string,
) {
  const body = chat(words, model === undefined ? {} : { model });
  const headers: HeaderList = {
    "content-type": "application/json",
    ...more,
    ...await signed(identity, "POST", CHAT, body),
  };
  return () => fetch(gateway.url + CHAT, { method: "POST", headers, body });
}

/** That an answer is the model's to these words. */
const says = (words: string) => ({ status, body }: Answer) => {
  assert.equal(status, 200, body);
  assert.equal(JSON.parse(body).choices[0].message.content, words);
};

const refuses =
  (status: number, type: string, details: Record<string, unknown> = {}) => (answer: Answer) => {
    const error = assertRefusal(answer, status, type);
    for (const [name, value] of Object.entries(details)) assert.equal(error[name], value);
  };

/** Counts answers that are a group's own affair: one is served, the others are refused. */
function oneOf(words: string, status: number, type: string) {
  const answers: Answer[] = [];
  return {
    check: (answer: Answer) => {
      if (answer.status === 200) says(words)(answer);
      else assertRefusal(answer, status, type);
      answers.push(answer);
    },
    /** The id of the one that was served. */
    served: (): string => {
      const served = answers.filter((answer) => answer.status === 200);
      assert.equal(served.length, 1, `${type}: ${answers.map((answer) => answer.status)}`);
      return served[0]!.headers.get("x-request-id")!;
    },
    answers,
  };
}

/** The calls of one round, in some order; what holds for several of them is looked at afterwards. */
async function callsOf(
  { alice, bob, carol, poor, listed, blocked }: Callers,
  round: number,
): Promise<{ calls: Sent[]; afterwards(): void }> {
  const calls: Sent[] = [];
  const add = (what: string, send: Sent["send"], check: Sent["check"]) =>
    calls.push({ what, send, check });

  for (let n = 0; n < 22; n++) {
    const words = `good ${round} ${n}`;
    add("good", await signedChat([alice, bob, carol][n % 3]!, words), says(words));
  }
  const key = { "idempotency-key": `used-${round}` };
  const used = await signedChat(bob, `used ${round}`, key);
  const first = await used();
  const firstId = first.headers.get("x-request-id");
  assert.equal(first.status, 200, await first.text());
  for (let n = 0; n < 4; n++) add("replayed", used, refuses(401, "replayed_request"));
  for (let n = 0; n < 4; n++) {
    add(
      "duplicate",
      await signedChat(bob, `used ${round}`, key),
      refuses(409, "duplicate_request", { duplicate_of: firstId }),
    );
  }
  const twin = oneOf(`twin ${round}`, 401, "replayed_request");
  const twins = await signedChat(carol, `twin ${round}`);
  for (let n = 0; n < 4; n++) add("twin", twins, twin.check);
  const order = oneOf(`order ${round}`, 409, "duplicate_request");
  for (let n = 0; n < 4; n++) {
    const own = { "idempotency-key": `order-${round}` };
    add("order", await signedChat(alice, `order ${round}`, own), order.check);
  }
  for (let n = 0; n < 5; n++) {
    add(
      "over budget",
      await signedChat(poor, `poor ${round} ${n}`),
      refuses(402, "budget_exceeded", { scope: "did", period: "day" }),
    );
    add(
      "blocked",
      await signedChat(blocked, `blocked ${round} ${n}`),
      refuses(403, "access_denied"),
    );
    add(
      "not on the list",
      await signedChat(listed, `listed ${round} ${n}`),
      refuses(403, "model_not_allowed"),
    );
  }
  for (let n = 0; n < 3; n++) {
    const malformed = `{"model": "openai/gpt-4o-mini", "messages": ${round}`;
    const headers = {
      "content-type": "application/json",
      ...await signed(alice, "POST", CHAT, malformed),
    };
    add(
      "malformed",
      () => fetch(gateway.url + CHAT, { method: "POST", headers, body: malformed }),
      refuses(400, "invalid_request"),
    );
    const forged = await signed(alice, "POST", CHAT, chat("something else"));
    add("forged", () =>
      fetch(gateway.url + CHAT, {
        method: "POST",
        headers: { "content-type": "application/json", ...forged },
        body: chat(`forged ${round} ${n}`),
      }), refuses(401, "invalid_signature"));
  }
  for (let n = 0; n < 3; n++) {
    add(
      "not metered",
      () => call(gateway, [alice, bob, carol][n]!, "GET", "/api/v1/openrouter/models"),
      ({ status, body }) => {
        assert.equal(status, 200, body);
        assert.ok(JSON.parse(body).data.length > 0);
      },
    );
  }
  const words = `new ${round}`;
  for (const identity of [await newIdentity(), await newIdentity()]) {
    add("unknown", await signedChat(identity, words), says(words));
  }
  assert.equal(calls.length, CALLS);
  return {
    calls: shuffled(calls, round),
    afterwards() {
      twin.served();
      const served = order.served();
      for (const answer of order.answers) {
        if (answer.status === 409) {
          assert.equal(JSON.parse(answer.body).error.duplicate_of, served);
        }
      }
    },
  };
}

/** These in another order, which the seed says. */
function shuffled<T>(items: T[], seed: number): T[] {
  const left = [...items];
  const order: T[] = [];
  for (let state = seed + 1; left.length > 0;) {
    state = (state * 48_271) % 2_147_483_647;
    order.push(...left.splice(state % left.length, 1));
  }
  return order;
}

/** Sends the calls of one round at once, and looks at all of their answers. */
async function play(callers: Callers, round: number) {
  const { calls, afterwards } = await callsOf(callers, round);
  const ids = new Set<string>();
  await Promise.all(calls.map(async ({ what, send, check }) => {
    const response = await send();
    const { status, headers } = response;
    const answer = { status, headers, body: await response.text() };
    try {
      check(answer);
    } catch (cause) {
      throw new Error(`${what}: ${answer.body}`, { cause });
    }
    ids.add(headers.get("x-request-id")!);
  }));
  afterwards();
  assert.equal(ids.size, CALLS);
}

/** That what was served in so many rounds, and nothing else, is in the books. */
async function assertBooked(callers: Callers, rounds: number) {
  const { alice, bob, carol, poor, listed, blocked } = callers;
  // The first call, its share of the good ones, and what else of it was served.
  const served: [Identity, number][] = [
    [alice, 1 + 9 * rounds],
    [bob, 1 + 8 * rounds],
    [carol, 1 + 8 * rounds],
    [poor, 1],
    [listed, 1],
    [blocked, 0],
  ];
  for (const [{ did }, count] of served) {
    const rows = await world.db.endedRows(did, count);
    assert.equal((await world.db.booked(did)).requests, rows.length);
  }
}

Deno.test(`${CALLS} mixed calls at once get each its own answer`, async () => {
  for (let first = 0; first < ROUNDS; first += ROUNDS_OF_CALLERS) {
    const callers = await newCallers();
    const rounds = Math.min(ROUNDS_OF_CALLERS, ROUNDS - first);
    for (let round = 0; round < rounds; round++) await play(callers, first + round);
    await assertBooked(callers, rounds);
  }
  assert.ok(batches > 0, "nothing was decided on together");
});
