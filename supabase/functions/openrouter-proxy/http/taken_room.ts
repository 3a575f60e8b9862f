/** What the bodies of requests take of the room that there is for them, in all and by kind of sender. */
import type { BodyLimits } from "./body_limits.ts";
import type { Demand, SenderKind } from "./slow_bodies.ts";

export interface TakenRoom {
  /** Whether there is a slot, where one is asked for. */
  hasSlot(demand: Demand): boolean;
  /** Whether there are a slot and the bytes. */
  fits(demand: Demand): boolean;
  /** Takes that much; gives it back where it is negative. */
  take(kind: SenderKind, slots: number, bytes: number): void;
  /** Takes bytes for what is of no kind any more. */
  takeBytes(bytes: number): void;
}

export function takenRoom(limits: BodyLimits): TakenRoom {
  const taken = { slots: 0, bytes: 0 };
  const ofKind = { verified: { slots: 0, bytes: 0 }, unverified: { slots: 0, bytes: 0 } };

  function hasSlot({ kind, slots }: Demand): boolean {
    return taken.slots + slots <= limits.slots && ofKind[kind].slots + slots <= limits.slotsOfKind;
  }

  return {
    hasSlot,
    fits(demand) {
      const { kind, bytes } = demand;
      return hasSlot(demand) && taken.bytes + bytes <= limits.bytes &&
        ofKind[kind].bytes + bytes <= limits.bytesOfKind;
    },
    take(kind, slots, bytes) {
      for (const account of [taken, ofKind[kind]]) {
        account.slots += slots;
        account.bytes += bytes;
      }
    },
    takeBytes(bytes) {
      taken.bytes += bytes;
    },
  };
}
