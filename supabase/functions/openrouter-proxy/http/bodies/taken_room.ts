/** What the bodies of requests take of the room that there is for them, in all and by kind of sender. */
import type { BodyLimits } from "./body_limits.ts";
import type { Demand, Sender } from "./slow_bodies.ts";

export interface TakenRoom {
  /** Whether the sender's DID has slots, and no fewer than are left: it has its share of them. */
  hasShare(sender: Sender): boolean;
  /** Whether there is a slot, where one is asked for. */
  hasSlot(demand: Demand): boolean;
  /** Whether there are a slot and the bytes. */
  fits(demand: Demand): boolean;
  /** Takes that much; gives it back where it is negative. */
  take(sender: Sender, slots: number, bytes: number): void;
  /** Takes bytes for what is of no kind any more. */
  takeBytes(bytes: number): void;
}

export function takenRoom(limits: BodyLimits): TakenRoom {
  const taken = { slots: 0, bytes: 0 };
  const ofKind = { verified: { slots: 0, bytes: 0 }, unverified: { slots: 0, bytes: 0 } };
  const slotsOfDid = new Map<string, number>();

  /** Whether the sender's DID has fewer slots than are left: so there are always some for the others. */
  function isWithinShare({ kind, did }: Sender): boolean {
    return did === null || (slotsOfDid.get(did) ?? 0) < limits.slotsOfKind - ofKind[kind].slots;
  }

  function hasSlot(demand: Demand): boolean {
    const { kind, slots } = demand;
    return taken.slots + slots <= limits.slots &&
      ofKind[kind].slots + slots <= limits.slotsOfKind &&
      (slots === 0 || isWithinShare(demand));
  }

  return {
    // Whoever has none lacks a slot because there is none, whosever the others are.
    hasShare: (sender) =>
      sender.did !== null && slotsOfDid.has(sender.did) && !isWithinShare(sender),
    hasSlot,
    fits(demand) {
      const { kind, bytes } = demand;
      return hasSlot(demand) && taken.bytes + bytes <= limits.bytes &&
        ofKind[kind].bytes + bytes <= limits.bytesOfKind;
    },
    take({ kind, did }, slots, bytes) {
      taken.slots += slots;
      taken.bytes += bytes;
      ofKind[kind].slots += slots;
      ofKind[kind].bytes += bytes;
      if (did === null) return;
      const ofDid = (slotsOfDid.get(did) ?? 0) + slots;
      if (ofDid > 0) slotsOfDid.set(did, ofDid);
      else slotsOfDid.delete(did);
    },
    takeBytes(bytes) {
      taken.bytes += bytes;
    },
  };
}
