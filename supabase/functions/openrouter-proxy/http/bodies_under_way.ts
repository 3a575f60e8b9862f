/**
 * The bodies of requests that are being received, bounded in number and in bytes, so that those which
 * never end cannot shut out those which arrive at once.
 *
 * Where there is no room for a body, the slowest ones make it; where none is slow for certain, the
 * body waits, and the newest goes first: under a flood, the others' clients have given up already.
 */
import type { MemoryShare } from "../bytes/growing_bytes.ts";
import { GatewayError } from "../errors.ts";
import type { BodyLimits } from "./body_limits.ts";
import { paceSince } from "./pace.ts";
import { type Demand, endable, type SenderKind, type UnderWay } from "./slow_bodies.ts";

export interface BodyClock {
  /** Milliseconds on any steady clock. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** The room that one body has. Disposing of it gives back what is left of it. */
export interface BodyPlace extends MemoryShare {
  /**
   * Waits for as much as `hold` has just refused.
   *
   * @throws {GatewayError} overloaded
   */
  room(): Promise<void>;
  /** Says that so many bytes came. */
  arrived(bytes: number): void;
  /** Says what to do where the place is taken away, which happens to slow bodies. */
  whenEnded(tell: (reason: GatewayError) => void): void;
  /** Says that the body is there: from now on it only holds its bytes, and nothing ends it. */
  whole(): void;
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

/** What is taken, in all and by the bodies under way of each kind. */
interface Taken {
  slots: number;
  bytes: number;
  readonly ofKind: Record<SenderKind, { slots: number; bytes: number }>;
}

export function bodiesUnderWay(limits: BodyLimits, clock: BodyClock): BodiesUnderWay {
  /** Oldest first. */
  const underWay = new Set<UnderWay>();
  /** Oldest first. */
  let waiting: Waiting[] = [];
  let isTicking = false;
  const taken: Taken = {
    slots: 0,
    bytes: 0,
    ofKind: { verified: { slots: 0, bytes: 0 }, unverified: { slots: 0, bytes: 0 } },
  };

  function hasSlot({ kind, slots }: Demand): boolean {
    return taken.slots + slots <= limits.slots &&
      taken.ofKind[kind].slots + slots <= limits.slotsOfKind;
  }

  function fits(demand: Demand): boolean {
    const { kind, bytes } = demand;
    return hasSlot(demand) && taken.bytes + bytes <= limits.bytes &&
      taken.ofKind[kind].bytes + bytes <= limits.bytesOfKind;
  }

  function take(kind: SenderKind, slots: number, bytes: number) {
    for (const account of [taken, taken.ofKind[kind]]) {
      account.slots += slots;
      account.bytes += bytes;
    }
  }

  /** Ends as few slow bodies as meet the demand; none where all of them would not meet it. */
  function makeRoom(demand: Demand): boolean {
    if (fits(demand)) return true;
    let ended: UnderWay[] = [];
    const candidates = endable(underWay, demand, {
      nowMs: clock.now(),
      isForMemory: hasSlot(demand),
      waiting: waiting.length,
    });
    for (const body of candidates) {
      if (fits(demand)) break;
      take(body.kind, -1, -body.heldBytes);
      ended.push(body);
    }
    const isMet = fits(demand);
    // Many small ones may have been chosen before the one that has what is needed: they go on.
    for (const body of ended.toReversed()) {
      take(body.kind, 1, body.heldBytes);
      if (isMet && !fits(demand)) take(body.kind, -1, -body.heldBytes);
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
    const nowMs = clock.now();
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
      sinceMs: clock.now(),
      grant: () => resolve(grant()),
      refuse: reject,
    });
    tick();
    return promise;
  }

  function placeOf(kind: SenderKind, bufferBytes: number): BodyPlace {
    const sinceMs = clock.now();
    let isEnded = false;
    let endedWhy: GatewayError | null = null;
    let tellEnd = (_: GatewayError) => {};
    let refusedBytes = 0;
    const body: UnderWay = {
      kind,
      sinceMs,
      movedMs: sinceMs,
      pace: paceSince(sinceMs),
      heldBytes: bufferBytes,
      end(reason) {
        isEnded = true;
        endedWhy = reason;
        tellEnd(reason);
      },
    };
    /** What the body holds once it is whole, which is of no kind any more. */
    let wholeBytes: number | null = null;
    underWay.add(body);
    take(kind, 1, bufferBytes);

    function demandFor(bytes: number): Demand {
      return { kind, slots: 0, bytes: bufferBytes + bytes - body.heldBytes, of: body };
    }

    function grow(bytes: number) {
      take(kind, 0, bufferBytes + bytes - body.heldBytes);
      body.heldBytes = bufferBytes + bytes;
    }

    return {
      hold(bytes) {
        if (isEnded) return false;
        refusedBytes = bytes;
        if (!makeRoom(demandFor(bytes))) return false;
        grow(bytes);
        return true;
      },
      async room() {
        if (isEnded) throw tooSlow();
        const bytes = refusedBytes;
        await ask(demandFor(bytes), () => grow(bytes));
      },
      arrived(bytes) {
        body.movedMs = clock.now();
        body.pace.arrived(bytes, body.movedMs);
      },
      whenEnded(tell) {
        tellEnd = tell;
        if (endedWhy !== null) tell(endedWhy);
      },
      whole() {
        if (isEnded || wholeBytes !== null) return;
        underWay.delete(body);
        take(kind, -1, -body.heldBytes);
        wholeBytes = body.heldBytes - bufferBytes;
        taken.bytes += wholeBytes;
        serve();
      },
      [Symbol.dispose]() {
        if (isEnded) return;
        isEnded = true;
        if (wholeBytes !== null) taken.bytes -= wholeBytes;
        else {
          underWay.delete(body);
          take(kind, -1, -body.heldBytes);
        }
        serve();
      },
    };
  }

  return {
    async enter(kind, bufferBytes) {
      let place: BodyPlace | undefined;
      await ask({ kind, slots: 1, bytes: bufferBytes, of: null }, () => {
        place = placeOf(kind, bufferBytes);
      });
      return place!;
    },
  };
}

function tooMany(): GatewayError {
  return overloaded("the gateway is receiving too many requests at once; try again");
}

function tooSlow(): GatewayError {
  return overloaded(
    "the request body came too slowly while the gateway was receiving too many at once; try again",
  );
}

function overloaded(message: string): GatewayError {
  return new GatewayError("overloaded", message, { headers: { "retry-after": "1" } });
}
