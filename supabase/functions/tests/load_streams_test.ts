import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { liveMb } from "./harness/memory.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const STREAMS = 1_000;
const IDENTITIES = 20;
const EVENTS = 20;
/** How much more may be live than before: of each of 500 streams, less than 6 KiB. */
const GROWTH_MB = 3;

const world = useWorld({ gateways: 2, edge: true, measured: true });

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As many streams as this process has file descriptors for: both ends of each are its own. */
function affordableStreams(): number {
  if (Deno.build.os !== "linux") return STREAMS;
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Math.min(STREAMS, Math.floor((descriptors - 200) / 2));
}

type Did = Awaited<ReturnType<typeof newIdentity>>;
type Fate = { faults: string; leavesAfter: number | null };

/**
 * A third ends well, a third of the clients leave, a third of the upstreams fail; all at random
 * points, once all `count` are under way.
 */
function fateOf(index: number, count: number, next: () => number): Fate {
  const at = Math.floor(next() * EVENTS);
  const faults = `gate:${count},chunks:${EVENTS},slow:${100 + Math.floor(next() * 100)}`;
  switch (index % 3) {
    case 0:
      return { faults, leavesAfter: null };
    case 1:
      return { faults, leavesAfter: at };
    default: {
      const failures = [`drop:${at}`, `error:502:${at}`, "drop", "status:503"];
      return {
        faults: `${faults},${failures[Math.floor(next() * failures.length)]}`,
        leavesAfter: null,
      };
    }
  }
}

/** One client: reads to the end of what there is, or leaves. Says how it ended. */
async function stream(
  identity: Did,
  process: number,
  { faults, leavesAfter }: Fate,
): Promise<{ end: string; why?: string }> {
  const leaving = new AbortController();
  try {
    const body = chat("one two three", { stream: true });
    const response = await call(world.gateways[process]!, identity, "POST", CHAT, body, {
      headers: { "x-openrouter-simulate": faults },
      signal: leaving.signal,
    });
    if (leavesAfter === 0) leaving.abort();
    let text = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      const events = text.match(/^data: /gm)?.length ?? 0;
      if (leavesAfter !== null && events >= leavesAfter) leaving.abort();
    }
    return response.ok && text.includes("[DONE]")
      ? { end: "complete" }
      : { end: "failed", why: `${response.status}: ${text.slice(-500)}` };
  } catch (error) {
    return leaving.signal.aborted ? { end: "left" } : { end: "broken", why: String(error) };
  }
}

/** All streams at once, each booked. */
async function round(count: number, seed: number, identities: Did[]) {
  const { db, openrouter } = world;
  const next = random(seed);
  const fates = Array.from({ length: count }, (_, index) => fateOf(index, count, next));
  const before = await Promise.all(identities.map(({ did }) => db.rowsOf(did)));

  const ends = await Promise.all(
    fates.map((fate, index) => stream(identities[index % IDENTITIES]!, index % 2, fate)),
  );

  const mostAtOnce = openrouter.ledger().requests.most_in_flight;
  assert.ok(mostAtOnce >= count, `${mostAtOnce} of ${count} were at OpenRouter at once`);
  const tally = Object.groupBy(ends, ({ end }) => end);
  const counts = Object.entries(tally).map(([end, all]) => `${all?.length} ${end}`).join(", ");
  for (const [index, { end, why }] of ends.entries()) {
    if (index % 3 === 0) assert.equal(end, "complete", `${fates[index]?.faults}: ${why}`);
  }
  for (const [index, { did }] of identities.entries()) {
    const own = Math.floor((count - 1 - index) / IDENTITIES) + 1;
    const rows = await db.pricedRows(did, before[index]!.length + own);
    const { usage, byok_usage } = openrouter.keyOf(await db.keyHash(did));
    assert.equal(byok_usage, "0");
    assert.equal((await db.booked(did)).cost, usage);
    assert.equal((await db.booked(did)).requests, rows.length);
  }
  const [sum] = await db.sql`
    select trim_scale(sum(total_cost)) as cost, count(*) filter (where status = 'pending') as pending
    from public.request_logs where did in ${db.sql(identities.map(({ did }) => did))}`;
  assert.equal(sum?.pending, 0);
  const charged = openrouter.ledger().total_cost;
  assert.equal(sum?.cost, charged);
  console.log(`${count} streams, ${mostAtOnce} at once: ${counts}; charged and booked $${charged}`);
}

Deno.test("a thousand streams at once, of which clients and upstreams leave at random, are booked to the last digit and leave no memory behind", async () => {
  const { db, gateways } = world;
  const seed = Number(Deno.env.get("LOAD_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  console.log(`LOAD_SEED=${seed}`);
  const count = affordableStreams();
  if (count < STREAMS) console.log(`only ${count} streams: file descriptors forbid ${STREAMS}`);
  const identities = await Promise.all(Array.from({ length: IDENTITIES }, newIdentity));
  for (const identity of identities) {
    for (const gateway of gateways) {
      await (await call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }))).text();
    }
    await db.pricedRows(identity.did, gateways.length);
  }

  const before = await Promise.all(gateways.map(liveMb));
  // What the second leaves behind, were there anything, adds to what the first did.
  for (const streams of [count, Math.ceil(count / 4)]) {
    await round(streams, seed, identities);
    for (const [process, gateway] of gateways.entries()) {
      const atOnce = await liveMb(gateway);
      const live = await until("the memory to be back to its start", async () => {
        const mb = await liveMb(gateway);
        return mb < before[process]! + GROWTH_MB && mb;
      });
      const told = [before[process]!, atOnce, live].map((mb) => mb.toFixed(1)).join(", ");
      console.log(
        `live memory of process ${process} before, right after and soon after: ${told} MB`,
      );
    }
  }

  for (const gateway of gateways) {
    assert.doesNotMatch(gateway.output(), /uncaught|unhandled|internal_error|settlement_deferred/i);
    const health = await fetch(`${gateway.url}/api/v1/health`);
    assert.equal(health.status, 200);
    await health.text();
  }
});
