/**
 * The bodies of requests that are being received, bounded in number and in bytes, so that those which
 * never end cannot shut out those which arrive at once.
 *
 * Where there is no room for a body, the slowest ones make it; where none is slow for certain, the
 * body waits, and the newest goes first: under a flood, the others' clients have given up already.
 */
import type { GatewayError } from "../errors.ts";
import type { BodyLimits } from "./body_limits.ts";
import { type BodyPlace, takePlace } from "./body_place.ts";
import { tooMany, tooSlow } from "./overloaded.ts";
import { type Demand, endable, type SenderKind, type UnderWay } from "./slow_bodies.ts";
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
  enter(kind: SenderKind, bufferBytes: number): Promise<BodyPlace>;
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
    if (taken.fits(demand)) return true;
    let ended: UnderWay[] = [];
    const candidates = endable(underWay, demand, {
      nowMs: now(),
      isForMemory: taken.hasSlot(demand),
      waiting: waiting.length,
    });
    for (const body of candidates) {
      if (taken.fits(demand)) break;
      taken.take(body.kind, -1, -body.heldBytes);
      ended.push(body);
    }
    const isMet = taken.fits(demand);
    // Many small ones may have been chosen before the one that has what is needed: they go on.
    for (const body of ended.toReversed()) {
      taken.take(body.kind, 1, body.heldBytes);
      if (isMet && !taken.fits(demand)) taken.take(body.kind, -1, -body.heldBytes);
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
    const nowMs = now();
    const isLate = ({ sinceMs }: Waiting) => nowMs - sinceMs >= LONGEST_WAIT_MS;
    for (const { refuse } of waiting.filter(isLate)) refuse(tooMany());
    waiting = waiting.filter((one) => !isLate(one));
    const isFull = { verified: false, unverified: false };
    for (const one of waiting.toReversed()) {
      const { kind, slots } = one.demand;
      if (!waiting.includes(one) || (slots === 1 && isFull[kind])) continue;
      if (makeRoom(one.demand)) {
        waiting = waiting.filter((other) => other !== one);
        one.grant();
      } else if (slots === 1) isFull[kind] = true;
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
  function ask(demand: Demand, grant: () => void): Promise<void> {
    if (makeRoom(demand)) return Promise.resolve(grant());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ofKind = waiting.filter((one) => one.demand.kind === demand.kind);
    if (ofKind.length >= limits.waitingOfKind) {
      const [oldest] = ofKind;
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

  return {
    async enter(kind, bufferBytes) {
      let place: BodyPlace | undefined;
      await ask({ kind, slots: 1, bytes: bufferBytes, of: null }, () => {
        place = takePlace(kind, bufferBytes, { underWay, taken, now, makeRoom, ask, serve });
      });
      return place!;
    },
  };
}
