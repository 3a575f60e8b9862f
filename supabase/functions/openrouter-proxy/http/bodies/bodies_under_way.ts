/**
 * The bodies of requests that are being received, bounded in number and in bytes, so that those which
 * never end cannot shut out those which arrive at once.
 *
 * Where there is no room for a body, the slowest ones make it; where none is slow for certain, the
 * body waits, and the newest goes first: under a flood, the others' clients have given up already. A
 * DID has no more slots than it leaves to the others, and gives way first where too many wait.
 */
import type { GatewayError } from "../../errors.ts";
import type { BodyLimits } from "./body_limits.ts";
import { type Bodies, type BodyPlace, takePlace } from "./body_place.ts";
import { tooMany, tooSlow } from "../overloaded.ts";
import { type Demand, endable, type Sender, type UnderWay } from "./slow_bodies.ts";
import { takenRoom } from "./taken_room.ts";

export interface BodyClock {
  /** Milliseconds on any steady clock. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface BodiesUnderWay {
  /**
   * @param bufferBytes what receiving takes beside the body itself
   * @throws {GatewayError} overloaded
   */
  enter(sender: Sender, bufferBytes: number): Promise<BodyPlace>;
}

/** How long a body waits for room, in ms. */
const LONGEST_WAIT_MS = 5_000;
/** How often those who wait are looked after, in ms, beside whenever room is given back. */
const TICK_MS = 50;

interface Waiting {
  readonly demand: Demand;
  readonly sinceMs: number;
  grant(): void;
  refuse(reason: GatewayError): void;
}

export function bodiesUnderWay(limits: BodyLimits, clock: BodyClock): BodiesUnderWay {
  /** Oldest first. */
  const underWay = new Set<UnderWay>();
  /** Oldest first. */
  let waiting: Waiting[] = [];
  let isTicking = false;
  const taken = takenRoom(limits);
  const now = clock.now;

  /** Ends as few slow bodies as meet the demand; none where all of them would not meet it. */
  function makeRoom(demand: Demand): boolean {
    return taken.fits(demand) || endSlowOnes(demand);
  }

  function endSlowOnes(demand: Demand): boolean {
    let ended: UnderWay[] = [];
    const candidates = endable(underWay, demand, {
      nowMs: now(),
      isForMemory: taken.hasSlot(demand),
      waiting: waiting.length,
    });
    // Whoever has a share already makes room for more of it alone.
    const isForShare = demand.slots === 1 && taken.hasShare(demand);
    for (const body of candidates) {
      if (taken.fits(demand)) break;
      if (isForShare && body.did !== demand.did) continue;
      taken.take(body, -1, -body.heldBytes);
      ended.push(body);
    }
    const isMet = taken.fits(demand);
    // Many small ones may have been chosen before the one that has what is needed: they go on.
    for (const body of ended.toReversed()) {
      taken.take(body, 1, body.heldBytes);
      if (isMet && !taken.fits(demand)) taken.take(body, -1, -body.heldBytes);
      else ended = ended.filter((other) => other !== body);
    }
    for (const body of ended) {
      underWay.delete(body);
      waiting = waiting.filter(({ demand, refuse }) => {
        if (demand.of !== body) return true;
        refuse(tooSlow());
        return false;
      });
      body.end(tooSlow());
    }
    return isMet;
  }

  /** Gives to those who wait what there is, the newest first. */
  function serve() {
    if (waiting.length === 0) return;
    const nowMs = now();
    const isLate = ({ sinceMs }: Waiting) => nowMs - sinceMs >= LONGEST_WAIT_MS;
    for (const { refuse } of waiting.filter(isLate)) refuse(tooMany());
    waiting = waiting.filter((one) => !isLate(one));
    /** The kinds of senders, and the DIDs, for which there are no slots. */
    const full = new Set<string | null>();
    for (const one of waiting.toReversed()) {
      const { kind, did, slots } = one.demand;
      if (!waiting.includes(one) || (slots === 1 && (full.has(kind) || full.has(did)))) continue;
      if (makeRoom(one.demand)) {
        waiting = waiting.filter((other) => other !== one);
        one.grant();
      } else if (slots === 1) full.add(taken.hasShare(one.demand) ? did : kind);
    }
  }

  async function tick() {
    if (isTicking) return;
    isTicking = true;
    while (waiting.length > 0) {
      await clock.sleep(TICK_MS);
      serve();
    }
    isTicking = false;
  }

  /** Meets the demand now or later; what is granted is taken by `grant`. */
  function ask<Granted>(demand: Demand, grant: () => Granted): Promise<Granted> {
    return makeRoom(demand) ? Promise.resolve(grant()) : wait(demand, grant);
  }

  function wait<Granted>(demand: Demand, grant: () => Granted): Promise<Granted> {
    const { promise, resolve, reject } = Promise.withResolvers<Granted>();
    const ofKind = waiting.filter((one) => one.demand.kind === demand.kind);
    if (ofKind.length >= limits.waitingOfKind) {
      const oldest = oldestOfMost(ofKind);
      waiting = waiting.filter((one) => one !== oldest);
      oldest?.refuse(tooMany());
    }
    waiting.push({
      demand,
      sinceMs: now(),
      grant: () => resolve(grant()),
      refuse: reject,
    });
    tick();
    return promise;
  }

  const bodies: Bodies = { underWay, taken, now, makeRoom, ask, serve };
  return {
    enter: (sender, bufferBytes) =>
      ask(
        { ...sender, slots: 1, bytes: bufferBytes, of: null },
        () => takePlace(sender, bufferBytes, bodies),
      ),
  };
}

/** Of those who wait, oldest first: the oldest of the DID that has the most of them. */
function oldestOfMost(waiting: readonly Waiting[]): Waiting | undefined {
  const ofDid = Map.groupBy(waiting, ({ demand }) => demand.did);
  let most: readonly Waiting[] = [];
  for (const own of ofDid.values()) if (own.length > most.length) most = own;
  return most[0];
}
