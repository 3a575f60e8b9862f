import assert from "node:assert/strict";
import { SMALL_BODY_BYTES, wholeIfAtOnce, wholeIfSmall, wholeInOneStep } from "./small_body.ts";

/** A stream of bytes that counts what was asked of it. */
function source(bytes: number, chunkBytes: number) {
  const seen = { pulled: 0, cancelled: undefined as unknown };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (seen.pulled >= bytes) return controller.close();
      const chunk = new Uint8Array(Math.min(chunkBytes, bytes - seen.pulled));
      chunk.fill(seen.pulled / chunkBytes % 251);
      seen.pulled += chunk.length;
      controller.enqueue(chunk);
    },
    cancel(reason) {
      seen.cancelled = reason;
    },
  }, { highWaterMark: 0 });
  return { body, seen };
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Without the difference of both in a message, which takes gigabytes where it is that of a body. */
function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

for (const bytes of [0, 1, 100_000, SMALL_BODY_BYTES]) {
  Deno.test(`a body of ${bytes} bytes is read whole`, async () => {
    const whole = await wholeIfSmall(source(bytes, 65_536).body);
    assert.ok(whole instanceof Uint8Array);
    assert.ok(areEqual(whole, await bytesOf(source(bytes, 65_536).body)));
  });
}

Deno.test("a larger body stays a stream of the same bytes, read no faster than it is asked for", async () => {
  const bytes = 10 * SMALL_BODY_BYTES;
  const { body, seen } = source(bytes, 65_536);
  const stream = await wholeIfSmall(body);
  assert.ok(stream instanceof ReadableStream);
  assert.ok(seen.pulled <= SMALL_BODY_BYTES + 65_536);
  const all = await bytesOf(source(bytes, 65_536).body);
  assert.ok(areEqual(await bytesOf(stream), all));
});

Deno.test("of a larger body nothing more is read before all that came has been given", async () => {
  const { body, seen } = source(10 * SMALL_BODY_BYTES, 65_536);
  const reader = (await wholeIfSmall(body) as ReadableStream<Uint8Array>).getReader();
  const { pulled } = seen;
  for (let given = 0; given < pulled; given += 65_536) await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(seen.pulled, pulled);
  await reader.read();
  assert.equal(seen.pulled, pulled + 65_536);
});

Deno.test("whoever cancels what stayed a stream cancels its source", async () => {
  const { body, seen } = source(10 * SMALL_BODY_BYTES, 65_536);
  const stream = await wholeIfSmall(body) as ReadableStream<Uint8Array>;
  await stream.cancel("enough");
  assert.equal(seen.cancelled, "enough");
});

/** A body that breaks after its first byte, as a stream. */
async function broken(): Promise<ReadableStream<Uint8Array>> {
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulls++ === 0) controller.enqueue(new Uint8Array([1]));
      else controller.error(new Error("cut"));
    },
  }, { highWaterMark: 0 });
  const stream = await wholeIfSmall(body);
  assert.ok(stream instanceof ReadableStream);
  return stream;
}

Deno.test("a body that breaks has a moment in which what came is sent on", async () => {
  const { setTimeout } = globalThis;
  const timers: [run: () => void, ms: unknown][] = [];
  const reader = (await broken()).getReader();
  await reader.read();
  let isBroken = false;
  const reading = reader.read().catch(() => isBroken = true);
  globalThis.setTimeout =
    ((run: () => void, ms: unknown) => timers.push([run, ms])) as unknown as typeof setTimeout;
  try {
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual([isBroken, timers.map(([, ms]) => ms)], [false, [10]]);
    timers[0]![0]();
    await reading;
    assert.equal(isBroken, true);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

Deno.test("a body that breaks is a stream of what came, which breaks as well", async () => {
  const stream = await broken();
  const reader = stream.getReader();
  assert.deepEqual((await reader.read()).value, new Uint8Array([1]));
  await assert.rejects(reader.read(), /cut/);
});

/** A body that is read at once, whose time limit is a test's. */
function atOnce(body: ReadableStream<Uint8Array>) {
  let isOver!: () => void;
  let waits = false;
  const read = wholeIfAtOnce(body, (callback) => {
    isOver = callback;
    waits = true;
    return () => waits = false;
  });
  return { read, isOver, waits: () => waits };
}

Deno.test("a body that comes at once is whole", async () => {
  const { read, waits } = atOnce(source(3, 1).body);
  assert.equal(waits(), true);
  assert.deepEqual(await read, Uint8Array.of(0, 1, 2));
  assert.equal(waits(), false, "there is nothing to wait for any more");
  assert.deepEqual(await atOnce(source(0, 1).body).read, new Uint8Array());
});

Deno.test("at once is as short a time as timers have", async () => {
  const { setTimeout, clearTimeout } = globalThis;
  const waits: unknown[] = [];
  globalThis.setTimeout =
    ((_run: () => void, ms: unknown) => waits.push(ms)) as unknown as typeof setTimeout;
  globalThis.clearTimeout = () => {};
  try {
    await wholeIfAtOnce(source(1, 1).body);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  assert.deepEqual(waits, [0]);
});

Deno.test("of a body that takes longer, what has come passes at once, and nothing is lost", async () => {
  let upstream!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      upstream = controller;
    },
  });
  upstream.enqueue(Uint8Array.of(1));
  const { read, isOver } = atOnce(body);
  await new Promise((resolve) => setTimeout(resolve, 0));
  isOver();
  const stream = await read;
  assert.ok(stream instanceof ReadableStream);
  const reader = stream.getReader();
  assert.deepEqual((await reader.read()).value, Uint8Array.of(1));
  const second = reader.read();
  upstream.enqueue(Uint8Array.of(2));
  assert.deepEqual((await second).value, Uint8Array.of(2));
  upstream.error(new Error("cut"));
  await assert.rejects(reader.read(), /cut/);
});

Deno.test("whoever cancels what takes longer cancels its source", async () => {
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    cancel(reason) {
      cancelled = reason;
    },
  });
  const { read, isOver } = atOnce(body);
  isOver();
  await (await read as ReadableStream).cancel("enough");
  assert.equal(cancelled, "enough");
});

/** Reads in one step, which a test ends. */
function step() {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const aborted: unknown[] = [];
  const abort = (reason: unknown) => void aborted.push(reason);
  return { read: () => promise, resolve, reject, abort, aborted };
}

/** The wait for a body is over before it begins. */
const isLate = (callback: () => void) => {
  callback();
  return () => {};
};
const isInTime = () => () => {};

Deno.test("a body that is read in one step is whole, and a stream of the same where it is late", async () => {
  const { read, resolve, abort } = step();
  const late = await wholeInOneStep(read, abort, isLate);
  assert.ok(late instanceof ReadableStream);
  resolve(new Uint8Array([1, 2]));
  assert.deepEqual(await wholeInOneStep(read, abort, isInTime), new Uint8Array([1, 2]));
  assert.deepEqual(await bytesOf(late), new Uint8Array([1, 2]));
  const empty = await wholeInOneStep(() => Promise.resolve(new Uint8Array()), abort, isInTime);
  assert.equal((empty as Uint8Array).length, 0);
});

for (const [when, later] of [["at once", isInTime], ["late", isLate]] as const) {
  Deno.test(`a body that breaks ${when} in its one step is a stream that breaks`, async () => {
    const { read, reject, abort } = step();
    if (when === "at once") reject(new Error("cut"));
    const stream = await wholeInOneStep(read, abort, later);
    assert.ok(stream instanceof ReadableStream);
    reject(new Error("cut"));
    await assert.rejects(bytesOf(stream), /cut/);
  });
}

Deno.test("an empty body that was late ends without a chunk", async () => {
  const { read, resolve, abort } = step();
  const stream = await wholeInOneStep(read, abort, isLate) as ReadableStream<Uint8Array>;
  resolve(new Uint8Array());
  assert.deepEqual(await stream.getReader().read(), { done: true, value: undefined });
});

Deno.test("whoever wants no more of a late body ends its step", async () => {
  const { read, abort, aborted } = step();
  const stream = await wholeInOneStep(read, abort, isLate) as ReadableStream<Uint8Array>;
  await stream.cancel("enough");
  assert.deepEqual(aborted, ["enough"]);
});
