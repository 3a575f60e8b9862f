/** Budgets under many requests at once, over three processes: not one too many, and not one too few. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity, signed } from "./harness/client.ts";
import { openDatabase } from "./harness/database.ts";
import { budgetOf, estimateOf, setGatewayLimits, setLimits } from "./harness/limits.ts";
import { assertRefusal } from "./harness/refusal.ts";
import { startProxy } from "./harness/proxy.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { inTurns } from "./harness/in_turns.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const REQUESTS = Number(Deno.env.get("LIMITS_TEST_REQUESTS") ?? 300);
/** How many of them a budget is for. */
const AFFORDABLE = REQUESTS / 10;
const DIDS = 30;
const BODY = chat("hello", { max_tokens: 100 });
/** How often a worker refuses one DID before it stops asking Postgres: docs/protocol.md, "Rates". */
const REFUSALS_HEARD = 120;

const world = useWorld({ freshStack: true, gateways: 0 });
const gateways: GatewayProcess[] = [];
/** How often gateways have asked for several admissions in one call. */
let batches = 0;

Deno.test.beforeAll(async () => {
  // The stack's Data API loses a connection to Postgres with each call that its client gives up: behind
  // a proxy, no client does.
  const dataApi = startProxy(world.stack.url, (request, pass) => {
    if (request.url.endsWith("/rpc/admit_requests")) batches++;
    return pass();
  });
  world.defer(dataApi.stop);
  gateways.push(
    ...await startGateways(3, {
      ...world.env,
      SUPABASE_URL: dataApi.url,
      // One too many would wait at the gate for others that never come.
      UPSTREAM_HEADERS_TIMEOUT_MS: "20000",
    }),
  );
  const first = await newIdentity();
  for (const gateway of gateways) {
    world.defer(gateway.stop);
    // It has the list of prices then: a call that cannot wait for it is of an unknown price.
    assert.equal((await call(gateway, first, "POST", CHAT, BODY)).status, 200);
  }
});

/** A signed request, to be sent as it is, more than once. */
interface Signed {
  did: string;
  url: string;
  headers: Record<string, string>;
}

async function requestOf(identity: Identity, index: number): Promise<Signed> {
  return {
    did: identity.did,
    url: gateways[index % gateways.length]!.url + CHAT,
    headers: {
      "content-type": "application/json",
      "idempotency-key": `request-${index}`,
      ...await signed(identity, "POST", CHAT, BODY),
    },
  };
}

async function send({ url, headers }: Signed, faults: string) {
  const simulated = { ...headers, "x-openrouter-simulate": faults };
  const answer = await fetch(url, { method: "POST", body: BODY, headers: simulated });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

/** What one call is reserved for, once each of these has a key and nothing is under way. */
async function priceWith(identities: Identity[]): Promise<string> {
  let price = "";
  await inTurns(identities, async (identity) => {
    const answer = await call(gateways[0]!, identity, "POST", CHAT, BODY);
    assert.equal(answer.status, 200, await answer.text());
    await world.db.endedRow(answer);
    price = await estimateOf(world.db, answer.headers.get("x-request-id")!);
  });
  return price;
}

const chatsAtOpenRouter = () =>
  world.openrouter.ledger().requests.by_route["POST /chat/completions"] ?? 0;

/** Reads a row of budgets until it is stopped; gives how often, and the most that it ever held. */
function watch(did: string) {
  const { sql } = openDatabase(world.stack.databaseUrl);
  let isOver = false;
  let reads = 0;
  let most = "0";
  const watching = (async () => {
    while (!isOver) {
      const [row] = await sql<{ most: string }[]>`
        select trim_scale(greatest(${most}::numeric, max(day_spent_usd + day_reserved_usd),
          max(month_spent_usd + month_reserved_usd)))::text as most
        from public.budgets where did = ${did}`;
      most = row!.most;
      reads++;
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    await sql.end();
    return { reads, most };
  };
}

async function inUsd(expression: string): Promise<string> {
  const [row] = await world.db.sql.unsafe(`select trim_scale(${expression})::text as usd`);
  return row!.usd;
}

const BUDGETS: [
  whose: string,
  scope: "did" | "gateway",
  dids: number,
  gate: string,
  setBudget: (did: string, usd: string) => Promise<void>,
][] = [
  // Its calls are at OpenRouter all together, so that nothing is settled before all are decided on.
  [
    "one DID's",
    "did",
    1,
    `,gate:${AFFORDABLE}`,
    (did, usd) => setLimits(world.db, did, { daily_budget_usd: usd }),
  ],
  [
    "the gateway's",
    "gateway",
    DIDS,
    "",
    (_, usd) => setGatewayLimits(world.db, { daily_budget_usd: usd }),
  ],
];

for (const [whose, scope, dids, gate, setBudget] of BUDGETS) {
  Deno.test(`${REQUESTS} requests at once against ${whose} budget for ${AFFORDABLE} of them`, async () => {
    const { db } = world;
    const identities = await Promise.all(Array.from({ length: dids }, newIdentity));
    const price = await priceWith(identities);
    const watched = scope === "did" ? identities[0]!.did : "*";
    const before = (await budgetOf(db, watched))!;
    assert.equal(before.reserved, "0");
    const budget = await inUsd(`${before.spent} + ${price} * ${AFFORDABLE}`);
    await setBudget(watched, budget);
    const requests = await Promise.all(
      Array.from({ length: REQUESTS }, (_, index) => requestOf(identities[index % dids]!, index)),
    );
    const forwarded = chatsAtOpenRouter();
    const batchesBefore = batches;
    const stopWatching = watch(watched);
    const start = performance.now();

    const answers = await Promise.all(requests.map((one) => send(one, `cost:${price}${gate}`)));

    const seconds = (performance.now() - start) / 1000;
    const { reads, most } = await stopWatching();
    console.log(
      `  ${Math.round(REQUESTS / seconds)} decisions a second; budgets were read ${reads} times`,
    );
    assert.equal(chatsAtOpenRouter() - forwarded, AFFORDABLE);
    assert.equal(answers.filter(({ status }) => status === 200).length, AFFORDABLE);
    assert.equal(most, budget);
    assert.ok(reads > 10);
    assert.ok(batches > batchesBefore, "each call was decided on alone");
    const refused = requests.filter((_, index) => answers[index]!.status !== 200);
    /** Whether a worker has refused a DID so often that it does not hear it for a while. */
    const areUnheard = refused.length / dids / gateways.length > REFUSALS_HEARD;
    let unheard = 0;
    for (const answer of answers) {
      if (answer.status === 200) continue;
      if (answer.status === 429 && areUnheard) {
        unheard++;
        continue;
      }
      const error = assertRefusal(answer, 402, "budget_exceeded");
      assert.equal(error.scope, scope);
      assert.equal(error.period, "day");
      assert.equal(error.limit_usd, Number(budget));
      assert.equal(error.estimate_usd, Number(price));
      const held = Number(error.spent_usd) + Number(error.reserved_usd);
      assert.ok(Math.abs(held - Number(budget)) < 1e-12, answer.body);
      const tomorrow = new Date(new Date().setUTCHours(24, 0, 0, 0)).getTime();
      assert.equal(Date.parse(String(error.resets_at)), tomorrow);
    }
    if (unheard > 0) {
      console.log(`  ${unheard} were not heard: their worker had refused the DID 120 times`);
    }
    const [{ rows } = { rows: 0 }] = await db.sql`
      select count(*)::integer as rows from public.request_logs
      where did = any (${identities.map(({ did }) => did)})`;
    assert.equal(rows, dids + AFFORDABLE);

    await setBudget(watched, "1000");
    await inTurns(refused.slice(0, areUnheard ? 30 : REQUESTS), async (request) => {
      const answer = await until("the request to be heard", async () => {
        const heard = await send(request, `cost:${price}`);
        return !(heard.status === 429 && areUnheard) && heard;
      });
      assert.equal(answer.status, 200, answer.body);
    });
    const passed = requests.find((_, index) => answers[index]!.status === 200)!;
    assertRefusal(await send(passed, ""), 401, "replayed_request");
    for (const { did } of identities) {
      await db.endedRows(did, (await db.rowsOf(did)).length);
      const held = await budgetOf(db, did);
      assert.deepEqual([held?.reserved, held?.under_way], ["0", 0]);
    }
    assert.equal((await budgetOf(db, "*"))!.reserved, "0");
  });
}
