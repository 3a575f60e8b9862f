/**
 * The bodies of requests that are being received, bounded in number and in bytes, so that those which
 * never end cannot shut out those which arrive at once.
 *
 * Where there is no room for a body, the slowest ones make it; where none is slow for certain, the
 * body waits, and the newest goes first: under a flood, the others' clients have given up already.
 */
import type { MemoryShare } from "../bytes/memory_budget.ts";
import { GatewayError } from "../errors.ts";
import { type Pace, paceSince } from "./pace.ts";

/** Whether a token has told who sends a body, or nothing has until the body is there. */
export type SenderKind = "verified" | "unverified";

export interface BodyLimits {
  /** How many bodies are received at once, and of one kind of sender. */
  readonly slots: number;
  readonly slotsOfKind: number;
  /** How many bytes all bodies hold, and those of one kind while they are under way. */
  readonly bytes: number;
  readonly bytesOfKind: number;
  /** How many wait, of each kind of sender. */
  readonly waitingOfKind: number;
}

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

/** How long a body is not taken for slow, in ms: a few round trips. */
const GRACE_MS = 1_000;
/**
 * Per so many that wait, what does not move at all has another part less of that grace. A flood then
 * gets through the slots as fast as it comes, and whoever comes within it is not left behind.
 */
const WAITING_PER_PART = 64;
/**
 * Where memory is short, a body that holds this much, and so many times what another asks for, has no
 * grace and no claim by its pace: ordinary calls must not wait for those that are large.
 */
const LARGE_BYTES = 1024 * 1024;
const LARGE_TIMES = 4;
/** How long a body waits for room, in ms. */
const LONGEST_WAIT_MS = 5_000;
/** How often those who wait are looked after, in ms, beside whenever room is given back. */
const TICK_MS = 50;

/** A body that is being received. */
interface UnderWay {
  readonly kind: SenderKind;
  readonly sinceMs: number;
  readonly pace: Pace;
  /** When bytes last came. */
  movedMs: number;
  /** Its read buffer included. */
  heldBytes: number;
  end(reason: GatewayError): void;
}

/** What is asked for: a slot or none, and so many bytes. */
interface Demand {
  readonly kind: SenderKind;
  readonly slots: 0 | 1;
  readonly bytes: number;
  /** The body that asks for more; null for a newcomer. */
  readonly of: UnderWay | null;
}

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

/**
 * The bounds of an isolate.
 *
 * @param maxRequestBytes the largest body that is taken: each kind of sender has room for one,
 *   whatever the bodies of the other hold that are under way
 */
export function bodyLimits(maxRequestBytes: number): BodyLimits {
  // Each body exists a few times over while it is hashed, parsed and sent.
  const bytes = Math.max(48 * 1024 * 1024, 2 * (maxRequestBytes + 64 * 1024));
  const bytesOfKind = bytes - maxRequestBytes - 64 * 1024;
  return { slots: 576, slotsOfKind: 512, bytes, bytesOfKind, waitingOfKind: 512 };
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

  /** Those that may be ended for this demand, the least worth keeping first. */
  function endable(demand: Demand): UnderWay[] {
    const { kind, of, bytes } = demand;
    const nowMs = clock.now();
    const isForMemory = hasSlot(demand);
    const stalledAfterMs = GRACE_MS / (1 + Math.floor(waiting.length / WAITING_PER_PART));
    const isOld = (body: UnderWay) => nowMs - body.sinceMs >= GRACE_MS;
    // What has become slow itself may only outdo what is slower still.
    const paceLimit = of !== null && isOld(of) ? of.pace.at(nowMs) : Infinity;
    const idleLimitMs = of === null ? 0 : nowMs - of.movedMs;
    const largeBytes = Math.max(LARGE_BYTES, LARGE_TIMES * ((of?.heldBytes ?? 0) + bytes));
    const found: { body: UnderWay; stalledMs: number; worth: number }[] = [];
    for (const body of underWay) {
      if (body === of || (kind === "unverified" && body.kind === "verified")) continue;
      const idleMs = nowMs - body.movedMs;
      if (idleMs >= stalledAfterMs && idleMs > idleLimitMs) {
        found.push({ body, stalledMs: idleMs, worth: 0 });
        continue;
      }
      const isLarge = isForMemory && body.heldBytes >= largeBytes;
      if (!isLarge && !isOld(body)) continue;
      const pace = body.pace.at(nowMs);
      if (!isLarge && pace >= paceLimit) continue;
      // Memory is worth what it turns over.
      found.push({ body, stalledMs: 0, worth: isForMemory ? pace / body.heldBytes : pace });
    }
    return found.sort((a, b) => b.stalledMs - a.stalledMs || a.worth - b.worth)
      .map(({ body }) => body);
  }

  /** Ends as few slow bodies as meet the demand; none where all of them would not meet it. */
  function makeRoom(demand: Demand): boolean {
    if (fits(demand)) return true;
    let ended: UnderWay[] = [];
    for (const body of endable(demand)) {
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
