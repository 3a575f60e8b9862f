import fc from "fast-check";
import assert from "node:assert/strict";
import { GatewayError } from "../../errors.ts";
import { bodiesUnderWay } from "./bodies_under_way.ts";
import type { BodyPlace } from "./body_place.ts";
import { type BodyLimits, bodyLimits } from "./body_limits.ts";
import type { SenderKind } from "./slow_bodies.ts";

const LIMITS: BodyLimits = {
  slots: 4,
  slotsOfKind: 3,
  bytes: 1_000,
  bytesOfKind: 800,
  waitingOfKind: 2,
};

/** A gate on a clock that moves only when it is told to. */
function gateWith(changes: Partial<BodyLimits> = {}) {
  let now = 0;
  let sleepers: { until: number; wake: () => void }[] = [];
  const bodies = bodiesUnderWay({ ...LIMITS, ...changes }, {
    now: () => now,
    sleep: (ms) => new Promise((wake) => sleepers.push({ until: now + ms, wake })),
  });
  /** Lets everything that is due happen. */
  async function settle() {
    for (let n = 0; n < 20; n++) await Promise.resolve();
  }
  return {
    settle,
    async pass(ms: number) {
      for (const end = now + ms; now < end;) {
        now = Math.min(end, now + 50);
        const due = sleepers.filter(({ until }) => until <= now);
        sleepers = sleepers.filter(({ until }) => until > now);
        for (const { wake } of due) wake();
        await settle();
      }
    },
    isIdle: () => sleepers.length === 0,
    sleeping: () => sleepers.length,
    /** A body that enters, or tries to. */
    body(kind: SenderKind, bufferBytes = 0, did: string | null = null): Body {
      const body: Body = { place: null, refused: null, ended: null };
      bodies.enter({ kind, did }, bufferBytes).then((place) => {
        body.place = place;
        place.whenEnded((reason) => body.ended = reason);
      }, (error) => body.refused = error);
      return body;
    },
  };
}

interface Body {
  place: BodyPlace | null;
  refused: GatewayError | null;
  ended: GatewayError | null;
}

/** What has become of bodies, in a word each. */
function states(bodies: Body[]): string[] {
  return bodies.map(({ place, refused, ended }) =>
    refused ? "refused" : ended ? "ended" : place ? "in" : "waiting"
  );
}

Deno.test("as many bodies enter as there are slots, of one kind and of all", async () => {
  const gate = gateWith();
  const unverified = [1, 2, 3, 4].map(() => gate.body("unverified"));
  const verified = [1, 2].map(() => gate.body("verified"));
  await gate.settle();
  assert.deepEqual(states(unverified), ["in", "in", "in", "waiting"]);
  assert.deepEqual(states(verified), ["in", "waiting"]);
});

Deno.test("a DID has no more slots than it leaves to the others", async () => {
  const gate = gateWith({ slots: 20, slotsOfKind: 16, waitingOfKind: 20 });
  const flood = Array.from({ length: 12 }, () => gate.body("verified", 0, "did:key:flood"));
  await gate.settle();
  assert.deepEqual(flood.map((body) => states([body])[0]).filter((is) => is === "in").length, 8);
  const others = [1, 2, 3].map((n) => gate.body("verified", 0, `did:key:${n}`));
  await gate.settle();
  assert.deepEqual(states(others), ["in", "in", "in"]);
  // What makes room for more of its own are its own alone, once they are slow.
  for (const { place } of others) place!.arrived(1);
  await gate.pass(1_050);
  assert.deepEqual(states(others), ["in", "in", "in"]);
  assert.ok(flood.some(({ ended }) => ended !== null));
});

Deno.test("a DID that has its share of slots ends its own bodies for another, not others' that are slower", async () => {
  const gate = gateWith({ slots: 6, slotsOfKind: 6 });
  const others = [1, 2].map((n) => gate.body("verified", 0, `did:key:${n}`));
  await gate.pass(500);
  const own = [1, 2].map(() => gate.body("verified", 0, "did:key:flood"));
  await gate.pass(1_000);
  const newcomer = gate.body("verified", 0, "did:key:flood");
  await gate.settle();
  assert.deepEqual(states([...others, ...own, newcomer]), ["in", "in", "ended", "in", "in"]);
});

Deno.test("a DID that has its share of slots has memory for its bodies, and room that slow ones make", async () => {
  const gate = gateWith();
  const other = gate.body("verified", 0, "did:key:other");
  const own = gate.body("verified", 0, "did:key:own");
  await gate.settle();
  assert.equal(other.place!.hold(500), true);
  assert.equal(own.place!.hold(300), true);
  await gate.pass(1_000);
  own.place!.arrived(300);
  assert.equal(own.place!.hold(700), true);
  assert.deepEqual(states([other, own]), ["ended", "in"]);
});

Deno.test("who waits beyond its DID's share keeps nobody from a slot that is given back", async () => {
  const gate = gateWith({ slotsOfKind: 4, waitingOfKind: 10 });
  const flood = [1, 2].map(() => gate.body("verified", 0, "did:key:flood"));
  const others = [1, 2, 3].map((n) => gate.body("verified", 0, `did:key:${n}`));
  const newest = gate.body("verified", 0, "did:key:flood");
  await gate.settle();
  const all = [...flood, ...others, newest];
  assert.deepEqual(states(all), ["in", "in", "in", "in", "waiting", "waiting"]);
  others[0]!.place![Symbol.dispose]();
  await gate.settle();
  assert.deepEqual(states(all).slice(4), ["in", "waiting"]);
});

Deno.test("a DID that has no slot ends others' slow bodies for one, where all slots are taken", async () => {
  const gate = gateWith();
  const slow = [1, 2, 3].map((n) => gate.body("verified", 0, `did:key:${n}`));
  await gate.pass(1_000);
  const newcomer = gate.body("verified", 0, "did:key:new");
  await gate.settle();
  assert.deepEqual(states([...slow, newcomer]), ["ended", "in", "in", "in"]);
});

Deno.test("a DID that has less than its share ends others' slow bodies for another", async () => {
  const gate = gateWith();
  const others = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.pass(1_000);
  const own = [1, 2].map(() => gate.body("verified", 0, "did:key:own"));
  await gate.settle();
  assert.deepEqual(states([...others, ...own]), ["ended", "in", "in", "in", "in"]);
});

Deno.test("where too many wait, and no DID has more than another, the oldest of all is refused", async () => {
  const gate = gateWith({ slots: 1, slotsOfKind: 1, waitingOfKind: 2 });
  const bodies = [1, 2, 3, 4].map((n) => gate.body("verified", 0, `did:key:${n}`));
  await gate.settle();
  assert.deepEqual(states(bodies), ["in", "refused", "waiting", "waiting"]);
});

Deno.test("where too many wait, the oldest of the DID that has the most of them is refused", async () => {
  const gate = gateWith({ slots: 1, slotsOfKind: 1, waitingOfKind: 3 });
  gate.body("verified");
  const quiet = gate.body("verified", 0, "did:key:quiet");
  const flood = Array.from({ length: 6 }, () => gate.body("verified", 0, "did:key:flood"));
  await gate.settle();
  assert.deepEqual(states([quiet, ...flood]), [
    "waiting",
    ...Array(4).fill("refused"),
    "waiting",
    "waiting",
  ]);
});

Deno.test("a slot that is given back goes to the one that came last", async () => {
  const gate = gateWith();
  const [first, , , fourth, fifth] = [1, 2, 3, 4, 5].map(() => gate.body("unverified"));
  await gate.settle();
  first!.place![Symbol.dispose]();
  await gate.settle();
  assert.deepEqual(states([fourth!, fifth!]), ["waiting", "in"]);
  // Who waits on is not forgotten.
  fifth!.place![Symbol.dispose]();
  await gate.settle();
  assert.deepEqual(states([fourth!]), ["in"]);
});

Deno.test("a body that is whole gives its slot and its buffer back, and keeps its bytes", async () => {
  const gate = gateWith({ slotsOfKind: 1 });
  const first = gate.body("unverified", 100);
  await gate.settle();
  assert.equal(first.place!.hold(300), true);
  const second = gate.body("unverified", 100);
  first.place!.whole();
  await gate.settle();
  assert.deepEqual(states([first, second]), ["in", "in"]);
  // 300 of 1 000 are held, 100 are the buffer's; 800 of one kind are allowed under way.
  assert.equal(second.place!.hold(601), false);
  assert.equal(second.place!.hold(600), true);
  first.place!.whole();
  assert.equal(second.place!.hold(601), false);
  await gate.pass(60_000);
  assert.equal(first.ended, null);
});

Deno.test("those who wait are bounded: the one that came first is refused for the newest", async () => {
  const gate = gateWith();
  const bodies = Array.from({ length: 6 }, () => gate.body("unverified"));
  await gate.settle();
  assert.deepEqual(states(bodies), ["in", "in", "in", "refused", "waiting", "waiting"]);
  assert.deepEqual(
    [bodies[3]!.refused?.type, bodies[3]!.refused?.headers],
    ["overloaded", { "retry-after": "1" }],
  );
  const verified = [1, 2, 3].map(() => gate.body("verified"));
  await gate.settle();
  assert.deepEqual(states(verified), ["in", "waiting", "waiting"]);
  assert.deepEqual(states(bodies.slice(4)), ["waiting", "waiting"]);
});

Deno.test("who waits is let in as soon as a body is a second old, in place of the slowest", async () => {
  const gate = gateWith();
  const [slow, slowest, fast] = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.pass(900);
  slow!.place!.arrived(1_000);
  slowest!.place!.arrived(500);
  fast!.place!.arrived(50_000);
  const newcomer = gate.body("unverified");
  await gate.pass(50);
  assert.deepEqual(states([newcomer]), ["waiting"]);
  await gate.pass(50);
  assert.deepEqual(states([slow!, slowest!, fast!, newcomer]), ["in", "ended", "in", "in"]);
  assert.equal(slowest!.ended?.type, "overloaded");
  assert.equal(gate.isIdle(), true);
});

Deno.test("what has not moved for a second goes before what is slow, and the longest first", async () => {
  const gate = gateWith();
  const [burst, stalled, slow] = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.settle();
  stalled!.place!.arrived(100_000);
  await gate.pass(100);
  burst!.place!.arrived(1_000_000);
  await gate.pass(1_000);
  slow!.place!.arrived(1);
  const bodies = [burst!, stalled!, slow!];
  for (
    const expected of [["in", "ended", "in"], ["ended", "ended", "in"], ["ended", "ended", "ended"]]
  ) {
    gate.body("unverified");
    await gate.settle();
    assert.deepEqual(states(bodies), expected);
  }
});

Deno.test("the more wait, the sooner what does not move makes room; what moves has its second", async () => {
  const gate = gateWith({ slots: 400, slotsOfKind: 2, waitingOfKind: 300 });
  const [moving, stalled] = [gate.body("unverified"), gate.body("unverified")];
  const crowd = Array.from({ length: 191 }, () => gate.body("unverified"));
  for (let ms = 0; ms < 300; ms += 50) {
    await gate.pass(50);
    moving.place!.arrived(1);
  }
  // 191 who wait divide the second by three.
  assert.deepEqual(states([moving, stalled]), ["in", "in"]);
  await gate.pass(50);
  assert.deepEqual(states([moving, stalled]), ["in", "ended"]);
  assert.equal(crowd.at(-1)!.place !== null, true);
});

Deno.test("a large body has no grace where a small one needs memory, and has where one needs a slot", async () => {
  const megabyte = 1024 * 1024;
  const gate = gateWith({ bytes: 5 * megabyte, bytesOfKind: 5 * megabyte });
  const [large, small] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.equal(large.place!.hold(4 * megabyte), true);
  large.place!.arrived(4 * megabyte);
  assert.equal(small.place!.hold(megabyte), true);
  const [third, fourth] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.deepEqual(states([third, fourth]), ["in", "waiting"]);
  assert.equal(third.place!.hold(megabyte + 1), false);
  assert.equal(third.place!.hold(megabyte), true);
  assert.deepEqual(states([large, small]), ["ended", "in"]);
});

Deno.test("a large body makes room for a newcomer that has a slot, and no memory for its buffer", async () => {
  const megabyte = 1024 * 1024;
  const gate = gateWith({ bytes: 2 * megabyte, bytesOfKind: 2 * megabyte });
  const large = gate.body("unverified");
  await gate.settle();
  assert.equal(large.place!.hold(2 * megabyte), true);
  large.place!.arrived(2 * megabyte);
  const newcomer = gate.body("unverified", 1_000);
  await gate.settle();
  assert.deepEqual(states([large, newcomer]), ["ended", "in"]);
});

Deno.test("a newcomer does not wait while there is a slow body older than a second", async () => {
  const gate = gateWith();
  const stalled = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.pass(1_000);
  const newcomers = [1, 2].map(() => gate.body("unverified"));
  await gate.settle();
  assert.deepEqual(states(newcomers), ["in", "in"]);
  assert.equal(states(stalled).filter((state) => state === "ended").length, 2);
});

Deno.test("who finds no room within five seconds is refused", async () => {
  const gate = gateWith();
  const [first, second, third] = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.settle();
  for (const { place } of [first!, second!, third!]) assert.equal(place!.hold(260), true);
  for (const { place } of [first!, second!, third!]) place!.whole();
  // All that one kind may hold is held by bodies that are whole, which nothing ends.
  const late = gate.body("unverified", 221);
  await gate.pass(1);
  const later = gate.body("unverified", 221);
  await gate.pass(49);
  await gate.pass(4_900);
  assert.deepEqual(states([late, later]), ["waiting", "waiting"]);
  await gate.pass(50);
  assert.deepEqual(states([late, later]), ["refused", "waiting"]);
  await gate.pass(50);
  assert.deepEqual(states([later]), ["refused"]);
  assert.equal(late.refused?.type, "overloaded");
  assert.equal(gate.isIdle(), true);
  // Nobody waited any more: whoever comes then is looked after anew.
  const last = gate.body("unverified", 221);
  await gate.pass(5_000);
  assert.deepEqual(states([last]), ["refused"]);
});

Deno.test("who waits is looked after every 50 ms", async () => {
  const gate = gateWith();
  for (let n = 0; n < 3; n++) gate.body("unverified");
  await gate.pass(960);
  const next = gate.body("unverified");
  // A second after they began, the others may be ended.
  await gate.pass(49);
  assert.deepEqual(states([next]), ["waiting"]);
  await gate.pass(1);
  assert.deepEqual(states([next]), ["in"]);
});

Deno.test("one clock looks after all that wait, however many they are", async () => {
  const gate = gateWith({ slots: 1, slotsOfKind: 1, waitingOfKind: 3 });
  for (let n = 0; n < 4; n++) gate.body("unverified");
  await gate.settle();
  assert.equal(gate.sleeping(), 1);
  await gate.pass(100);
  assert.equal(gate.sleeping(), 1);
});

Deno.test("an unverified body ends no verified one, and a verified one may end either", async () => {
  const gate = gateWith();
  const verified = [1, 2, 3].map(() => gate.body("verified"));
  const unverified = gate.body("unverified");
  await gate.pass(2_000);
  verified[0]!.place!.arrived(10);
  verified[1]!.place!.arrived(20);
  verified[2]!.place!.arrived(30);
  const next = gate.body("unverified");
  await gate.settle();
  assert.deepEqual(states([...verified, unverified, next]), ["in", "in", "in", "ended", "in"]);
  const another = gate.body("verified");
  await gate.settle();
  // Their own share is what is exhausted, so that it is one of them that goes.
  assert.deepEqual(states([...verified, next, another]), ["ended", "in", "in", "in", "in"]);

  const wide = gateWith({ slotsOfKind: 4 });
  const slow = [1, 2, 3, 4].map((n) => wide.body(n < 3 ? "unverified" : "verified"));
  await wide.pass(1_000);
  slow[0]!.place!.arrived(10);
  slow[2]!.place!.arrived(5);
  slow[3]!.place!.arrived(5);
  const newcomer = wide.body("verified");
  await wide.settle();
  assert.deepEqual(states([...slow, newcomer]), ["in", "ended", "in", "in", "in"]);
});

Deno.test("memory is counted to the byte, the buffers included, of one kind and of all", async () => {
  const gate = gateWith();
  const first = gate.body("unverified", 100);
  const second = gate.body("verified", 100);
  await gate.settle();
  assert.equal(first.place!.hold(701), false);
  assert.equal(first.place!.hold(700), true);
  assert.equal(second.place!.hold(101), false);
  assert.equal(second.place!.hold(100), true);
  first.place![Symbol.dispose]();
  first.place![Symbol.dispose]();
  assert.equal(second.place!.hold(701), false);
  assert.equal(second.place!.hold(700), true);
  second.place!.whole();
  second.place![Symbol.dispose]();
  const third = gate.body("verified", 800);
  await gate.settle();
  assert.deepEqual(states([third]), ["in"]);
});

Deno.test("a body that needs more ends slow ones: as few as have what it needs", async () => {
  const gate = gateWith({ slots: 10, slotsOfKind: 10 });
  const small = [1, 2, 3].map(() => gate.body("unverified", 10));
  const large = gate.body("unverified", 10);
  await gate.settle();
  assert.equal(large.place!.hold(700), true);
  large.place!.arrived(700);
  await gate.pass(1_000);
  const newcomer = gate.body("unverified", 10);
  await gate.settle();
  assert.equal(newcomer.place!.hold(500), true);
  assert.deepEqual(states([...small, large]), ["in", "in", "in", "ended"]);
});

Deno.test("no body ends where all that are slow would not be enough", async () => {
  const gate = gateWith({ bytesOfKind: 1_000 });
  const whole = gate.body("unverified", 0);
  await gate.settle();
  assert.equal(whole.place!.hold(600), true);
  whole.place!.whole();
  const slow = gate.body("unverified", 100);
  await gate.pass(1_000);
  const newcomer = gate.body("unverified", 100);
  await gate.settle();
  assert.equal(newcomer.place!.hold(301), false);
  assert.deepEqual(states([slow]), ["in"]);
  assert.equal(newcomer.place!.hold(300), true);
  assert.deepEqual(states([slow]), ["ended"]);
});

Deno.test("a body that has become slow itself ends none that is faster", async () => {
  const gate = gateWith();
  const [slow, fast] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.equal(slow.place!.hold(300), true);
  assert.equal(fast.place!.hold(300), true);
  await gate.pass(1_000);
  slow.place!.arrived(1);
  fast.place!.arrived(100);
  assert.equal(slow.place!.hold(600), false);
  assert.equal(fast.place!.hold(600), true);
  assert.deepEqual(states([slow, fast]), ["ended", "in"]);
});

Deno.test("a body that waits for memory goes on once there is some", async () => {
  const gate = gateWith();
  const [first, second] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.equal(first.place!.hold(500), true);
  assert.equal(second.place!.hold(400), false);
  let hasRoom = false;
  second.place!.room().then(() => hasRoom = true);
  await gate.settle();
  assert.equal(hasRoom, false);
  first.place![Symbol.dispose]();
  await gate.settle();
  assert.equal(hasRoom, true);
  assert.equal(second.place!.hold(400), true);
});

Deno.test("a body that is ended while it waits for memory is told so, and holds nothing more", async () => {
  const gate = gateWith();
  const [first, second] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.equal(first.place!.hold(500), true);
  first.place!.arrived(500);
  assert.equal(second.place!.hold(300), true);
  assert.equal(second.place!.hold(400), false);
  const waiting = assert.rejects(second.place!.room(), { type: "overloaded" });
  await gate.pass(950);
  const newcomer = gate.body("unverified");
  await gate.settle();
  await gate.pass(50);
  first.place!.arrived(500);
  assert.equal(newcomer.place!.hold(200), true);
  await waiting;
  assert.deepEqual(states([first, second]), ["in", "ended"]);
  assert.equal(second.place!.hold(1), false);
  await assert.rejects(second.place!.room(), { type: "overloaded" });
  second.place!.whole();
  second.place![Symbol.dispose]();
  assert.equal(newcomer.place!.hold(300), true);
  assert.deepEqual(states([first]), ["in"]);
});

Deno.test("a body that waits for memory has it before newer ones have a slot that there is not", async () => {
  const gate = gateWith();
  const [whole, ...bodies] = [1, 2, 3].map(() => gate.body("unverified"));
  await gate.settle();
  assert.equal(whole!.place!.hold(500), true);
  whole!.place!.whole();
  bodies.push(gate.body("unverified"));
  await gate.settle();
  assert.equal(bodies[0]!.place!.hold(600), false);
  let hasRoom = false;
  bodies[0]!.place!.room().then(() => hasRoom = true);
  const newcomer = gate.body("unverified");
  await gate.settle();
  whole!.place![Symbol.dispose]();
  await gate.settle();
  assert.deepEqual([hasRoom, ...states([...bodies, newcomer])], [
    true,
    "in",
    "in",
    "in",
    "waiting",
  ]);
});

Deno.test("a body that is ended for one that waits takes none of the memory that it waited for", async () => {
  const gate = gateWith();
  const [fast, stalled] = [gate.body("unverified"), gate.body("unverified")];
  await gate.settle();
  assert.equal(fast.place!.hold(500), true);
  assert.equal(stalled.place!.hold(300), true);
  assert.equal(stalled.place!.hold(400), false);
  const waiting = assert.rejects(stalled.place!.room(), { type: "overloaded" });
  await gate.pass(900);
  gate.body("unverified");
  const newcomer = gate.body("unverified");
  await gate.pass(50);
  fast.place!.arrived(500);
  await gate.pass(50);
  assert.deepEqual(states([fast, stalled, newcomer]), ["in", "ended", "in"]);
  await waiting;
  assert.equal(newcomer.place!.hold(300), true);
  assert.deepEqual(states([fast, newcomer]), ["in", "in"]);
});

Deno.test("a body that was ended before it was asked what to do then is told at once", async () => {
  let now = 0;
  const clock = { now: () => now, sleep: () => new Promise<void>(() => {}) };
  const bodies = bodiesUnderWay({ ...LIMITS, slots: 1 }, clock);
  const place = await bodies.enter({ kind: "unverified", did: null }, 0);
  now = 1_000;
  await bodies.enter({ kind: "unverified", did: null }, 0);
  let told: GatewayError | null = null;
  place.whenEnded((reason) => told = reason);
  assert.equal((told as GatewayError | null)?.type, "overloaded");
});

Deno.test("whatever bodies do, no bound is passed, and all room comes back", async () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom<SenderKind>("verified", "unverified"),
      what: fc.constantFrom("enter", "hold", "arrive", "whole", "leave", "pass"),
      which: fc.nat(),
      size: fc.nat(400),
    }),
    { maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const gate = gateWith();
      const bodies:
        (Body & { held: number; kind: SenderKind; did: string | null; isWhole: boolean })[] = [];
      const open = () => bodies.filter(({ place, ended, refused }) => place && !ended && !refused);
      for (const { kind, what, which, size } of all) {
        const body = open()[which % Math.max(1, open().length)];
        if (what === "enter") {
          const did = kind === "verified" ? `did:key:${which % 2}` : null;
          const body = gate.body(kind, 10, did);
          bodies.push(Object.assign(body, { held: 0, kind, did, isWhole: false }));
        } else if (what === "pass") await gate.pass(size * 5);
        else if (body?.place && what === "leave") {
          body.place[Symbol.dispose]();
          body.ended = new GatewayError("overloaded", "left");
        } else if (body?.place && !body.isWhole) {
          if (what === "hold" && body.place.hold(body.held + size)) body.held += size;
          if (what === "arrive") body.place.arrived(size);
          if (what === "whole") {
            body.place.whole();
            body.isWhole = true;
          }
        }
        await gate.settle();
        const underWay = open().filter(({ isWhole }) => !isWhole);
        const bytesOf = (some: typeof underWay) =>
          some.reduce((sum, { held, isWhole }) => sum + held + (isWhole ? 0 : 10), 0);
        assert.ok(underWay.length <= LIMITS.slots);
        assert.ok(bytesOf(open()) <= LIMITS.bytes);
        for (const kind of ["verified", "unverified"] as const) {
          const own = underWay.filter((body) => body.kind === kind);
          assert.ok(own.length <= LIMITS.slotsOfKind);
          assert.ok(bytesOf(own) <= LIMITS.bytesOfKind);
        }
        for (const did of ["did:key:0", "did:key:1"]) {
          assert.ok(underWay.filter((body) => body.did === did).length <= 2);
        }
      }
      await gate.pass(6_000);
      // Whoever receives a body disposes of its place, ended or not.
      for (const { place } of bodies) place?.[Symbol.dispose]();
      await gate.settle();
      const last = [1, 2, 3].map(() => gate.body("unverified"));
      await gate.settle();
      assert.deepEqual(states(last), ["in", "in", "in"]);
      assert.equal(last[0]!.place!.hold(801), false);
      assert.equal(last[0]!.place!.hold(800), true);
      for (const { place } of last) place![Symbol.dispose]();
      const lastOfDid = [1, 2, 3].map(() => gate.body("verified", 0, "did:key:0"));
      await gate.settle();
      assert.deepEqual(states(lastOfDid), ["in", "in", "waiting"]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("bodyLimits leave each kind room for one body of the largest size, whatever the other does", () => {
  const megabyte = 1024 * 1024;
  for (const largest of [5_000, 20 * megabyte, 100 * megabyte]) {
    const { bytes, bytesOfKind, slots, slotsOfKind } = bodyLimits(largest);
    assert.ok(bytes - bytesOfKind > largest && bytesOfKind > largest);
    assert.ok(slots > slotsOfKind);
  }
  assert.equal(bodyLimits(20 * megabyte).bytes, 48 * megabyte);
});
