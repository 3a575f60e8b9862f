/**
 * JSON read from bytes as they come, without building the document: the one place that knows where
 * values begin and end.
 *
 * Who scans says by visitors which values it looks at; everything else is checked and passed over, at
 * some hundred megabytes a second and with no memory but a few words for each level of nesting. A
 * value that is looked at whole can be replaced on its way.
 *
 * Source: RFC 8259.
 */
import { BYTE_ORDER_MARK, concat, NO_BYTES } from "./encodings.ts";
import { MAX_NAME_BYTES, nameIn } from "./json_names.ts";
import { afterInNumber, firstInNumber, mayEndNumber, MINUS } from "./json_number.ts";
import { JsonPassage, type Taking, type TextTaking } from "./json_passage.ts";

/** What is done with one value. */
export interface JsonVisitor {
  /**
   * Looks into an object: what is done with the value of this member; null: it is passed over.
   *
   * @param name unescaped; null where it is longer than MAX_NAME_BYTES
   */
  member?(name: string | null): JsonVisitor | null;
  /** Looks into an array: what is done with its next item; null: it is passed over. */
  item?(): JsonVisitor | null;
  /** An object or an array begins here. @param at of its bracket, from the beginning of the text */
  begin?(at: number, isObject: boolean): void;
  /** It ends. @param at of the closing bracket */
  end?(at: number, isEmpty: boolean): void;
  /** Takes the value whole, in place of looking into it. */
  take?: Taking | TextTaking;
  /** The same for a string, a number, true, false or null alone. */
  scalar?: Taking | TextTaking | undefined;
}

/** Why a scanner reads no further: what it was fed is no JSON text, or one beyond its bounds. */
export class JsonScanError extends Error {
  override readonly name = "JsonScanError";
  /** @param kind whether it is no JSON, nested too deeply, or has too many values */
  constructor(readonly kind: "syntax" | "depth" | "values", message: string) {
    super(message);
  }
}

export interface ScanBounds {
  /** How deep objects and arrays may be nested. */
  maxDepth: number;
  /** How many values the text may have, members' included. */
  maxValues: number;
  /** How many of them may be members, which cost more to look at; as many as values where not set. */
  maxMembers?: number;
}

/**
 * A string, between its quotes, or a number that nobody looks at.
 *
 * @param start from the beginning of the piece that has all of it
 */
export type OnPassedOver = (start: number, end: number, isText: boolean) => void;

/** What may come next. */
const VALUE = 0;
const ITEM_OR_END = 1;
const NAME_OR_END = 2;
const NAME = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const NOTHING = 6;
/** What is being read. */
const STRING = 7;
const ESCAPE = 8;
const HEX_DIGITS = 9;
const NUMBER = 10;
const LITERAL = 11;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON_SIGN = 0x3a;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_OBJECT = 0x7d;
const CLOSE_ARRAY = 0x5d;

/** A scanner of one JSON text, fed piece by piece. */
export class JsonScanner {
  readonly #bounds: ScanBounds;
  #state = VALUE;
  #error: JsonScanError | null = null;
  #values = 0;
  #members = 0;
  #depth = 0;
  /** By depth, with room for most texts': whether it is an object, and who looks into it. */
  readonly #isObject: boolean[] = [false, false, false, false, false];
  readonly #visitors: (JsonVisitor | null)[] = [null, null, null, null, null];
  /** Who looks at the value that comes next. */
  #next: JsonVisitor | null;

  /** The piece that is being read, and how many bytes came before it. */
  #piece: Uint8Array = NO_BYTES;
  #base = 0;
  /** What is passed on of the text. */
  readonly #passage = new JsonPassage();

  /** How much of a byte order mark the text has begun with; 3: it can have no more of it. */
  #markLength = 0;
  #isName = false;
  #hexDigitsLeft = 0;
  #unicodeEscapes = 0;
  #numbers = 0;
  #numberState = MINUS;
  #literal = "";
  #literalAt = 0;

  /** What earlier pieces held of the name that is being read; where this piece goes on with it. */
  #name: Uint8Array = NO_BYTES;
  #nameFrom = 0;

  /** Is told of each string and number that is passed over, within one piece. */
  readonly #onPassedOver: OnPassedOver | null;
  #passedOverFrom = -1;

  constructor(root: JsonVisitor, bounds: ScanBounds, onPassedOver: OnPassedOver | null = null) {
    this.#next = root;
    this.#bounds = bounds;
    this.#onPassedOver = onPassedOver;
  }

  /** Whether the text's one value has ended; a number at the top may always go on. */
  get isComplete(): boolean {
    return this.#state === NOTHING ||
      (this.#state === NUMBER && this.#depth === 0 && mayEndNumber(this.#numberState));
  }

  /** Why the text is refused; null: what came of it so far is JSON within the bounds. */
  get error(): JsonScanError | null {
    return this.#error;
  }

  /** How many characters, or halves of them, were written as `\\u` and four digits, names' included. */
  get unicodeEscapes(): number {
    return this.#unicodeEscapes;
  }

  /** How many numbers it has. */
  get numbers(): number {
    return this.#numbers;
  }

  /** Whether a part of a value is held back that may be replaced. */
  get isHolding(): boolean {
    return this.#passage.isHolding;
  }

  /**
   * Reads the next piece.
   *
   * @returns what is to be passed on: the piece itself, unless a value is held back or was replaced.
   *   After an error everything is passed on, unread
   */
  feed(piece: Uint8Array): Uint8Array {
    if (this.#error !== null) return piece;
    this.#piece = piece;
    this.#nameFrom = 0;
    this.#passage.begin(piece);
    try {
      this.#read(piece);
      if (this.#isName) this.#keepName(piece.length);
    } catch (error) {
      if (!(error instanceof JsonScanError)) throw error;
      this.#error = error;
      this.#passage.breakOff();
    }
    this.#base += piece.length;
    return this.#passage.end();
  }

  /**
   * Gives out what is held back of a value that has not ended. Should it go on, the rest of it comes
   * out as another part.
   */
  release(): Uint8Array {
    return this.#passage.release();
  }

  #read(piece: Uint8Array): void {
    const { length } = piece;
    let i = 0;
    while (this.#markLength < 3 && i < length) {
      if (piece[i] === BYTE_ORDER_MARK[this.#markLength]) {
        this.#markLength++;
        i++;
      } else if (this.#markLength === 0) this.#markLength = 3;
      else throw noValue();
    }
    while (i < length) {
      const byte = piece[i]!;
      switch (this.#state) {
        case STRING: {
          let character = byte;
          while (character !== QUOTE && character !== BACKSLASH) {
            if (character < 0x20) throw syntax("a control character in a string");
            if (++i === length) return;
            character = piece[i]!;
          }
          i++;
          if (character === BACKSLASH) this.#state = ESCAPE;
          else if (this.#isName) this.#nameEnded(i - 1);
          else this.#valueEnded(i);
          break;
        }
        case ESCAPE:
          if (byte === 0x75) {
            this.#unicodeEscapes++;
            this.#hexDigitsLeft = 4;
            this.#state = HEX_DIGITS;
          } else if (isEscapable(byte)) this.#state = STRING;
          else throw syntax("an unknown escape in a string");
          i++;
          break;
        case HEX_DIGITS:
          if (!isHexDigit(byte)) throw syntax("an unfinished escape in a string");
          if (--this.#hexDigitsLeft === 0) this.#state = STRING;
          i++;
          break;
        case NUMBER: {
          let state = this.#numberState;
          for (let next = afterInNumber(state, byte); next !== -1;) {
            state = next;
            if (++i === length) {
              this.#numberState = state;
              return;
            }
            next = afterInNumber(state, piece[i]!);
          }
          this.#numberState = state;
          if (!mayEndNumber(state)) throw syntax("an unfinished number");
          this.#valueEnded(i);
          break;
        }
        case LITERAL:
          if (byte !== this.#literal.charCodeAt(this.#literalAt)) throw noValue();
          i++;
          if (++this.#literalAt === this.#literal.length) this.#valueEnded(i);
          break;
        default:
          if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
            this.#structure(byte, i);
          }
          i++;
      }
    }
  }

  /** A byte between values and names, which is no white space. */
  #structure(byte: number, at: number): void {
    switch (this.#state) {
      case NAME_OR_END:
        if (byte === CLOSE_OBJECT) return this.#closed(at, true);
        // falls through
      case NAME:
        if (byte !== QUOTE) throw syntax("something else than a member's name");
        this.#isName = true;
        this.#name = NO_BYTES;
        this.#nameFrom = at + 1;
        this.#state = STRING;
        return;
      case COLON:
        if (byte !== COLON_SIGN) throw syntax("no colon after a member's name");
        this.#state = VALUE;
        return;
      case COMMA_OR_END: {
        const isObject = this.#isObject[this.#depth]!;
        if (byte === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) return this.#closed(at, false);
        if (byte !== COMMA) throw syntax("neither a comma nor the end after a value");
        this.#state = isObject ? NAME : VALUE;
        if (!isObject) this.#next = this.#visitors[this.#depth]?.item?.() ?? null;
        return;
      }
      case ITEM_OR_END:
        if (byte === CLOSE_ARRAY) return this.#closed(at, true);
        this.#next = this.#visitors[this.#depth]?.item?.() ?? null;
        return this.#valueBegan(byte, at);
      case VALUE:
        return this.#valueBegan(byte, at);
      default:
        throw syntax("something after the value");
    }
  }

  #valueBegan(byte: number, at: number): void {
    if (++this.#values > this.#bounds.maxValues) {
      throw new JsonScanError("values", `it has over ${this.#bounds.maxValues} values`);
    }
    const visitor = this.#next;
    this.#next = null;
    const isScalar = byte !== OPEN_OBJECT && byte !== OPEN_ARRAY;
    const take = visitor?.take ?? (isScalar ? visitor?.scalar : undefined);
    if (take !== undefined) this.#passage.take(take, at, this.#depth);
    else if (isScalar && this.#onPassedOver !== null && !this.#passage.isTaking) {
      this.#passedOverFrom = at;
    }
    switch (byte) {
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        if (++this.#depth > this.#bounds.maxDepth) {
          throw new JsonScanError(
            "depth",
            `it is nested over ${this.#bounds.maxDepth} levels deep`,
          );
        }
        const isObject = byte === OPEN_OBJECT;
        this.#isObject[this.#depth] = isObject;
        this.#visitors[this.#depth] = take === undefined ? visitor : null;
        this.#state = isObject ? NAME_OR_END : ITEM_OR_END;
        this.#visitors[this.#depth]?.begin?.(this.#base + at, isObject);
        return;
      }
      case QUOTE:
        this.#state = STRING;
        return;
      case 0x74:
        return this.#literalBegan("true");
      case 0x66:
        return this.#literalBegan("false");
      case 0x6e:
        return this.#literalBegan("null");
      default: {
        const state = firstInNumber(byte);
        if (state === -1) throw noValue();
        this.#numbers++;
        this.#numberState = state;
        this.#state = NUMBER;
      }
    }
  }

  #literalBegan(literal: string): void {
    this.#literal = literal;
    this.#literalAt = 1;
    this.#state = LITERAL;
  }

  #closed(at: number, isEmpty: boolean): void {
    const visitor = this.#visitors[this.#depth];
    this.#visitors[this.#depth] = null;
    this.#depth--;
    visitor?.end?.(this.#base + at, isEmpty);
    this.#valueEnded(at + 1);
  }

  /** @param at of what follows the value */
  #valueEnded(at: number): void {
    if (this.#passedOverFrom !== -1) this.#passedOver(at);
    this.#passage.valueEnded(at, this.#depth);
    this.#state = this.#depth === 0 ? NOTHING : COMMA_OR_END;
  }

  #passedOver(at: number): void {
    const from = this.#passedOverFrom;
    this.#passedOverFrom = -1;
    if (this.#state === STRING) this.#onPassedOver!(from + 1, at - 1, true);
    else if (this.#state === NUMBER) this.#onPassedOver!(from, at, false);
  }

  #nameEnded(at: number): void {
    const visitor = this.#visitors[this.#depth];
    const { maxMembers } = this.#bounds;
    this.#isName = false;
    this.#state = COLON;
    if (maxMembers !== undefined && ++this.#members > maxMembers) {
      throw new JsonScanError("values", `it has over ${maxMembers} members`);
    }
    if (!visitor?.member) return;
    if (this.#name.length === 0) {
      this.#next = visitor.member(nameIn(this.#piece, this.#nameFrom, at));
      return;
    }
    this.#keepName(at);
    this.#next = visitor.member(nameIn(this.#name, 0, this.#name.length));
  }

  /** Keeps the name as far as this piece has it, and no more of it than tells that it is too long. */
  #keepName(end: number): void {
    if (!this.#visitors[this.#depth]?.member || this.#name.length > MAX_NAME_BYTES) return;
    const last = Math.min(end, this.#nameFrom + MAX_NAME_BYTES + 1);
    this.#name = concat(this.#name, this.#piece.subarray(this.#nameFrom, last));
  }
}

/** The characters that a backslash may stand before, but for `u`: `" \\ / b f n r t`. */
function isEscapable(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || byte === 0x2f || byte === 0x62 || byte === 0x66 ||
    byte === 0x6e || byte === 0x72 || byte === 0x74;
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66);
}

function syntax(problem: string): JsonScanError {
  return new JsonScanError("syntax", problem);
}

function noValue(): JsonScanError {
  return syntax("no value where one must be");
}
