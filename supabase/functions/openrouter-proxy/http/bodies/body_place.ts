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
  ask<Granted>(demand: Demand, grant: () => Granted): Promise<Granted>;
  /** Gives to those who wait what there is. */
  serve(): void;
}

/**
 * Takes the place of a body, which is under way from now on.
 *
 * @param bufferBytes what receiving takes beside the body itself
 */
export function takePlace(sender: Sender, bufferBytes: number, among: Bodies): BodyPlace {
  return new Place(sender, bufferBytes, among);
}

/** A class, because each call has a place: its functions are not made anew. */
class Place implements BodyPlace, UnderWay {
  readonly kind;
  readonly did;
  readonly sinceMs;
  readonly pace;
  movedMs;
  heldBytes;
  #isEnded = false;
  #endedWhy: GatewayError | null = null;
  #tellEnd: ((reason: GatewayError) => void) | null = null;
  #refusedBytes = 0;
  /** What the body holds once it is whole, which is of no kind any more. */
  #wholeBytes: number | null = null;

  constructor(
    sender: Sender,
    private readonly bufferBytes: number,
    private readonly among: Bodies,
  ) {
    this.kind = sender.kind;
    this.did = sender.did;
    this.sinceMs = among.now();
    this.movedMs = this.sinceMs;
    this.pace = paceSince(this.sinceMs);
    this.heldBytes = bufferBytes;
    among.underWay.add(this);
    among.taken.take(this, 1, bufferBytes);
  }

  end(reason: GatewayError): void {
    this.#isEnded = true;
    this.#endedWhy = reason;
    this.#tellEnd?.(reason);
  }

  hold(bytes: number): boolean {
    if (this.#isEnded) return false;
    this.#refusedBytes = bytes;
    if (!this.among.makeRoom(this.#demandFor(bytes))) return false;
    this.#grow(bytes);
    return true;
  }

  async room(): Promise<void> {
    if (this.#isEnded) throw tooSlow();
    const bytes = this.#refusedBytes;
    await this.among.ask(this.#demandFor(bytes), () => this.#grow(bytes));
  }

  arrived(bytes: number): void {
    this.movedMs = this.among.now();
    this.pace.arrived(bytes, this.movedMs);
  }

  whenEnded(tell: (reason: GatewayError) => void): void {
    this.#tellEnd = tell;
    if (this.#endedWhy !== null) tell(this.#endedWhy);
  }

  whole(): void {
    if (this.#isEnded || this.#wholeBytes !== null) return;
    this.#leave();
    this.#wholeBytes = this.heldBytes - this.bufferBytes;
    this.among.taken.takeBytes(this.#wholeBytes);
    this.among.serve();
  }

  [Symbol.dispose](): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#wholeBytes !== null) this.among.taken.takeBytes(-this.#wholeBytes);
    else this.#leave();
    this.among.serve();
  }

  #leave(): void {
    this.among.underWay.delete(this);
    this.among.taken.take(this, -1, -this.heldBytes);
  }

  #demandFor(bytes: number): Demand {
    const { kind, did, bufferBytes, heldBytes } = this;
    return { kind, did, slots: 0, bytes: bufferBytes + bytes - heldBytes, of: this };
  }

  #grow(bytes: number): void {
    this.among.taken.take(this, 0, this.bufferBytes + bytes - this.heldBytes);
    this.heldBytes = this.bufferBytes + bytes;
  }
}
