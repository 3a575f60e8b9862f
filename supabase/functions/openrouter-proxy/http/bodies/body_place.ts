/** The room that one body has among those that are being received. */
import type { MemoryShare } from "../../bytes/growing_bytes.ts";
import type { GatewayError } from "../../errors.ts";
import { tooSlow } from "../overloaded.ts";
import { paceSince } from "./pace.ts";
import type { Demand, Sender, UnderWay } from "./slow_bodies.ts";
import type { TakenRoom } from "./taken_room.ts";

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

/** The bodies that a place is among, and how they make room for each other. */
export interface Bodies {
  /** Oldest first. */
  readonly underWay: Set<UnderWay>;
  readonly taken: TakenRoom;
  /** Milliseconds on any steady clock. */
  now(): number;
  /** Ends as few slow bodies as meet the demand; none where all of them would not meet it. */
  makeRoom(demand: Demand): boolean;
  /** Meets the demand now or later; what is granted is taken by `grant`. */
  ask(demand: Demand, grant: () => void): Promise<void>;
  /** Gives to those who wait what there is. */
  serve(): void;
}

/**
 * Takes the place of a body, which is under way from now on.
 *
 * @param bufferBytes what receiving takes beside the body itself
 */
export function takePlace(sender: Sender, bufferBytes: number, among: Bodies): BodyPlace {
  const { underWay, taken, now, makeRoom, ask, serve } = among;
  const sinceMs = now();
  let isEnded = false;
  let endedWhy: GatewayError | null = null;
  let tellEnd = (_: GatewayError) => {};
  let refusedBytes = 0;
  const body: UnderWay = {
    ...sender,
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
  taken.take(sender, 1, bufferBytes);

  function demandFor(bytes: number): Demand {
    return { ...sender, slots: 0, bytes: bufferBytes + bytes - body.heldBytes, of: body };
  }

  function grow(bytes: number) {
    taken.take(sender, 0, bufferBytes + bytes - body.heldBytes);
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
      body.movedMs = now();
      body.pace.arrived(bytes, body.movedMs);
    },
    whenEnded(tell) {
      tellEnd = tell;
      if (endedWhy !== null) tell(endedWhy);
    },
    whole() {
      if (isEnded || wholeBytes !== null) return;
      underWay.delete(body);
      taken.take(sender, -1, -body.heldBytes);
      wholeBytes = body.heldBytes - bufferBytes;
      taken.takeBytes(wholeBytes);
      serve();
    },
    [Symbol.dispose]() {
      if (isEnded) return;
      isEnded = true;
      if (wholeBytes !== null) taken.takeBytes(-wholeBytes);
      else {
        underWay.delete(body);
        taken.take(sender, -1, -body.heldBytes);
      }
      serve();
    },
  };
}
