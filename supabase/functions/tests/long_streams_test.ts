import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { sha256 } from "./harness/openrouter.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

interface LongStream {
  what: string;
  faults: string;
  /** How the simulator cuts it: what arrives is the same as without. */
  pieces: string;
  outputTokens: number;
  leastBytes: number;
}

const STREAMS: LongStream[] = [
  {
    // A prime, so that cuts fall everywhere: inside characters, names, line ends.
    what: "10 000 chunks, cut after every 61 bytes,",
    faults: "chunks:10000,multibyte",
    pieces: "split:61",
    outputTokens: 10_000,
    leastBytes: 2_000_000,
  },
  {
    // Each byte is a message of its own between processes: of 2 MB, they would be at it for minutes.
    what: "200 chunks, cut after every byte,",
    faults: "chunks:200,multibyte",
    pieces: "split:1",
    outputTokens: 200,
    leastBytes: 40_000,
  },
  {
    what: "an event of 3 MB",
    faults: "huge:3,chunks:2",
    pieces: "",
    outputTokens: 2,
    leastBytes: 3_000_000,
  },
];

for (const { what, faults, pieces, outputTokens, leastBytes } of STREAMS) {
  Deno.test(`a stream of ${what} arrives identical and is booked`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const body = chat("a long stream", { stream: true });

    const response = await call(gateway, identity, "POST", CHAT, body, {
      headers: { "x-openrouter-simulate": `${faults},${pieces}` },
    });

    const bytes = new Uint8Array(await response.arrayBuffer());
    assert.ok(bytes.length > leastBytes);
    const answer = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const direct = await openrouter.answerWithoutGateway("/chat/completions", body, faults, answer);
    assert.equal(sha256(bytes), sha256(direct));
    const [row] = await db.endedRows(identity.did, 1);
    assert.equal(row?.status, "completed");
    assert.equal(row?.output_tokens, outputTokens);
    assert.equal(row?.cost_source, "response");
    assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
  });
}
