/**
 * What is passed on of a JSON text that is read piece by piece: the text itself, but for values that are
 * taken whole, which may be held back and replaced.
 */
import { concat, concatAll, NO_BYTES, textOf } from "./encodings.ts";
import { textIn } from "./short_texts.ts";

export interface Taking {
  /** Of a larger value nothing is taken. */
  readonly maxBytes: number;
  /**
   * @param text the value's JSON text in UTF-8, whose memory may be used again; null: it is too large
   * @returns what takes its place; null: it stays. Where `replaces` is not set, that is ignored
   */
  value(text: Uint8Array | null): Uint8Array | null;
  /** Whether the value may be replaced: it is held back until it has ended, or is too large. */
  readonly replaces?: boolean;
  /**
   * What comes out of a part of a value that is held back, where the part cannot wait for the rest:
   * no more comes, or what does is no JSON. Where this is missing, it comes out as it is.
   */
  part?(text: Uint8Array): Uint8Array;
  readonly text?: undefined;
}

/** Takes a value as a string, and leaves it in its place. */
export interface TextTaking {
  /** As above. */
  readonly maxBytes: number;
  /** @param json the value's JSON text; null: it is too large */
  text(json: string | null): void;
  readonly replaces?: undefined;
  readonly part?: undefined;
}

type AnyTaking = Taking | TextTaking;

/** One text on its way through a scanner, which says where its values begin and end. */
export class JsonPassage {
  /** The piece that is being read. */
  #piece: Uint8Array = NO_BYTES;
  /** What is passed on of it, and from where on it has not been passed on yet. */
  #out: Uint8Array[] = [];
  #from = 0;

  /** The value that is being taken, its depth, and what earlier pieces held of it. */
  #taking: AnyTaking | null = null;
  #depth = 0;
  #taken: Uint8Array = NO_BYTES;
  #takenBytes = 0;
  /** How much of that has been given out in parts. */
  #releasedBytes = 0;
  /** Where this piece goes on with it. */
  #takenFrom = 0;
  /** What happens to the rest of a value that is too large. */
  #excess: "none" | "passes" | "is dropped" = "none";

  /** Whether a value is being taken. */
  get isTaking(): boolean {
    return this.#taking !== null;
  }

  /** Whether a part of a value is held back that may be replaced. */
  get isHolding(): boolean {
    return this.#takenBytes > this.#releasedBytes && this.#mayReplace();
  }

  /** The next piece begins. */
  begin(piece: Uint8Array): void {
    this.#piece = piece;
    if (this.#out.length > 0) this.#out = [];
    this.#from = this.#takenFrom = 0;
  }

  /** Takes the value that begins here. @param depth how deep it is nested */
  take(taking: AnyTaking, at: number, depth: number): void {
    this.#taking = taking;
    this.#depth = depth;
    this.#takenBytes = this.#releasedBytes = 0;
    this.#takenFrom = at;
    this.#excess = "none";
    if (taking.replaces) this.#passUntil(at);
  }

  /** A value has ended: the one that is being taken, if it is as deep as that. @param at of what follows */
  valueEnded(at: number, depth: number): void {
    if (this.#taking !== null && depth === this.#depth) this.#takingEnded(this.#taking, at);
  }

  /** The piece has been read. @returns what is passed on: the piece itself, where nothing is otherwise */
  end(): Uint8Array {
    const piece = this.#piece;
    if (this.#taking !== null) this.#keep(this.#taking, piece.length);
    if (this.#from === 0 && this.#out.length === 0) return piece;
    this.#passUntil(piece.length);
    return concatAll(this.#out);
  }

  /** Puts out what is held back together with what this piece has after it, of which none is read. */
  breakOff(): void {
    if (this.#mayReplace()) {
      const held = this.#taken.subarray(this.#releasedBytes, this.#takenBytes);
      const part = concat(held, this.#piece.subarray(this.#takenFrom));
      this.#out.push(partOf(this.#taking!, part));
      this.#from = this.#piece.length;
    }
    this.#taking = null;
  }

  /** Gives out what is held back of a value that has not ended, whose rest comes out as another part. */
  release(): Uint8Array {
    if (!this.isHolding) return NO_BYTES;
    const part = this.#taken.slice(this.#releasedBytes, this.#takenBytes);
    this.#releasedBytes = this.#takenBytes;
    return partOf(this.#taking!, part);
  }

  /** Whether what is being taken is held back. */
  #mayReplace(): boolean {
    return this.#taking?.replaces === true && this.#excess === "none";
  }

  #takingEnded(taking: AnyTaking, at: number): void {
    const size = this.#takenBytes + at - this.#takenFrom;
    if (this.#excess === "none" && size > taking.maxBytes) this.#exceeded(taking);
    if (this.#excess === "none") this.#give(taking, at);
    else this.#passExcess(taking, at);
    this.#taking = null;
    this.#taken = NO_BYTES;
  }

  /** Gives the whole value to who takes it. */
  #give(taking: AnyTaking, at: number): void {
    const isHere = this.#takenBytes === 0;
    if (taking.text !== undefined && isHere) {
      return taking.text(textIn(this.#piece, this.#takenFrom, at));
    }
    const here = this.#piece.subarray(this.#takenFrom, at);
    const text = isHere ? here : concat(this.#taken.subarray(0, this.#takenBytes), here);
    if (taking.text !== undefined) return taking.text(textOf(text));
    const replacement = taking.value(text);
    if (!taking.replaces) return;
    this.#out.push(
      this.#releasedBytes === 0
        ? replacement ?? text
        : partOf(taking, text.subarray(this.#releasedBytes)),
    );
    this.#from = at;
  }

  /** Keeps the value as far as this piece has it. */
  #keep(taking: AnyTaking, end: number): void {
    const here = this.#piece.subarray(this.#takenFrom, end);
    const size = this.#takenBytes + here.length;
    if (this.#excess === "none" && size > taking.maxBytes) this.#exceeded(taking);
    if (this.#excess !== "none") return this.#passExcess(taking, end);
    if (size > this.#taken.length) {
      const larger = new Uint8Array(Math.min(taking.maxBytes, Math.max(256, 2 * size)));
      larger.set(this.#taken.subarray(0, this.#takenBytes));
      this.#taken = larger;
    }
    this.#taken.set(here, this.#takenBytes);
    this.#takenBytes = size;
    if (taking.replaces) this.#from = end;
  }

  #exceeded(taking: AnyTaking): void {
    this.#excess = "passes";
    if (taking.text !== undefined) taking.text(null);
    else {
      const replacement = taking.value(null);
      if (taking.replaces) {
        const isDropped = replacement !== null && this.#releasedBytes === 0;
        if (isDropped) this.#excess = "is dropped";
        const held = this.#taken.slice(this.#releasedBytes, this.#takenBytes);
        this.#out.push(isDropped ? replacement : partOf(taking, held));
      }
    }
    this.#taken = NO_BYTES;
  }

  /** Passes on, or drops, what this piece has of a value that is too large to be taken. */
  #passExcess(taking: AnyTaking, end: number): void {
    if (!taking.replaces) return;
    if (this.#excess === "passes" && end > this.#from) {
      this.#out.push(partOf(taking, this.#piece.subarray(this.#from, end)));
    }
    this.#from = end;
  }

  #passUntil(end: number): void {
    if (end > this.#from) this.#out.push(this.#piece.subarray(this.#from, end));
    this.#from = end;
  }
}

function partOf(taking: AnyTaking, text: Uint8Array): Uint8Array {
  return taking.part?.(text) ?? text;
}
