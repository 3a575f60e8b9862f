/**
 * A stream of server-sent events, read while it passes: each event's data is JSON text that goes
 * through a scanner of its own. Nothing of an event is kept but what its reading holds back, and no
 * longer than to the end of its line.
 *
 * Source: WHATWG HTML, "Parsing an event stream"; docs/openrouter.md, "SSE".
 */
import { BYTE_ORDER_MARK, concatAll, CR, LF, NO_BYTES, textOf, utf8 } from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor, type ScanBounds } from "../bytes/json_scanner.ts";
import { type EventShape, eventShape, type PassedOver } from "./event_shape.ts";

export interface EventStreamOptions {
  /** Who reads the data of one event after another. */
  reading: JsonVisitor;
  /**
   * Whether the last event that was read told nothing that others like it would not tell again: their
   * data may go unread.
   */
  wasPlain: () => boolean;
  /** An event went unread for that. */
  onUnread: () => void;
  bounds: ScanBounds;
  /** `[DONE]` has come. */
  onDone: () => void;
}

const SPACE = 0x20;
const COLON = 0x3a;
const DATA = [0x64, 0x61, 0x74, 0x61];
const DONE = "[DONE]";
const NO_JSON: Uint8Array = utf8(DONE);
const LINE_END: Uint8Array = Uint8Array.of(LF);

/** What the next byte of a line is part of. */
type Part = "name" | "space" | "data" | "rest";

/** One stream; its bytes go in by `feed` and come out of it. */
export class EventStream {
  readonly #options: EventStreamOptions;
  #part: Part = "name";
  /** Where in its line the next byte is; a byte order mark is no part of the first line. */
  #column = 0;
  /** How much of a byte order mark the stream has begun with; 3: it can have no more of it. */
  #markLength = 0;
  #lastByte = 0;

  /** Reads the data of the present event; null: it has none yet. */
  #scanner: JsonScanner | null = null;
  /** The beginning of that data, as far as it may be `[DONE]`. */
  #head = "";
  /** That of the event that was read last, where it was plain. */
  #shape: EventShape | null = null;
  /** Where in the present chunk the present event begins; -1: in one before. */
  #eventFrom = -1;
  #passedOver: PassedOver[] = [];
  /** Where in the present chunk the data begins that is being scanned. */
  #dataFrom = 0;
  /** The present chunk, and what comes out in place of its bytes before `from`. */
  #chunk: Uint8Array = NO_BYTES;
  #from = 0;
  #out: Uint8Array[] = [];
  #isHalf = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** @returns what is to be passed on of this chunk and what was held back before */
  feed(chunk: Uint8Array): Uint8Array {
    this.#chunk = chunk;
    this.#from = 0;
    this.#eventFrom = -1;
    let i = 0;
    while (i < chunk.length) {
      if (this.#isBetweenEvents()) {
        const end = this.#endOfPlainEvent(i);
        if (end !== -1) {
          this.#options.onUnread();
          i = end;
          continue;
        }
        this.#eventFrom = i;
        this.#passedOver = [];
      }
      const byte = chunk[i]!;
      if (byte === LF || byte === CR) {
        if (byte === CR || this.#lastByte !== CR) this.#lineEnded(i);
        i++;
      } else if (this.#part === "name") {
        this.#nameGoesOn(byte);
        i++;
      } else if (this.#part === "space") {
        this.#dataBegan();
        if (byte === SPACE) i++;
      } else {
        const end = lineEnd(chunk, i);
        if (this.#part === "data") this.#data(i, end);
        i = end;
      }
      if (i > 0) this.#lastByte = chunk[i - 1]!;
    }
    return this.#cameOut();
  }

  /** No more will come; the last event may lack its blank line. @returns what was held back */
  end(): Uint8Array {
    this.#chunk = NO_BYTES;
    this.#from = 0;
    this.#release(0);
    this.#isHalf = this.#isWithinData();
    this.#eventEnded();
    return this.#cameOut();
  }

  /** Whether the stream has ended within an event's data, of which nobody can make anything. */
  get isHalf(): boolean {
    return this.#isHalf;
  }

  #isWithinData(): boolean {
    const head = this.#head.trim();
    if (this.#scanner === null || head === "") return false;
    if (DONE.startsWith(head)) return head !== DONE;
    return this.#scanner.error === null && !this.#scanner.isComplete;
  }

  /** Behind the blank line of an event, of which the next byte is no part any more. */
  #isBetweenEvents(): boolean {
    return this.#column === 0 && this.#scanner === null && this.#lastByte === LF &&
      this.#part === "name";
  }

  /** Where an event ends that begins here and has nothing new to tell; -1: it must be read. */
  #endOfPlainEvent(from: number): number {
    return this.#shape?.endIn(this.#chunk, from) ?? -1;
  }

  /** Remembers the shape of an event that was plain, and came in one chunk. */
  #remember(end: number): void {
    const from = this.#eventFrom;
    this.#eventFrom = -1;
    this.#shape = null;
    // Asked in any case: what it says holds for this event alone.
    const wasPlain = this.#options.wasPlain();
    if (from === -1 || this.#from > from || !wasPlain) return;
    const places = this.#passedOver.map(({ start, end, isText }) => (
      { start: start - from, end: end - from, isText }
    ));
    this.#shape = eventShape(this.#chunk.subarray(from, end), places);
  }

  #cameOut(): Uint8Array {
    if (this.#from === 0 && this.#out.length === 0) return this.#chunk;
    this.#out.push(this.#chunk.subarray(this.#from));
    const whole = concatAll(this.#out);
    this.#out = [];
    return whole;
  }

  #nameGoesOn(byte: number): void {
    if (this.#markLength < 3 && byte === BYTE_ORDER_MARK[this.#markLength]) {
      this.#markLength++;
      return;
    }
    this.#markLength = 3;
    if (this.#column === DATA.length && byte === COLON) this.#part = "space";
    else if (byte !== DATA[this.#column]) this.#part = "rest";
    this.#column++;
  }

  #lineEnded(at: number): void {
    this.#release(at);
    if (this.#column === 0) {
      if (this.#scanner !== null) this.#remember(at + 1);
      this.#eventEnded();
    }
    this.#part = "name";
    this.#column = 0;
    this.#markLength = 3;
  }

  #dataBegan(): void {
    this.#part = "data";
    if (this.#scanner === null) {
      this.#scanner = new JsonScanner(
        this.#options.reading,
        this.#options.bounds,
        (start, end, isText) => {
          const from = this.#dataFrom;
          this.#passedOver.push({ start: from + start, end: from + end, isText });
        },
      );
      return;
    }
    // What has begun with these words is no JSON, whatever follows in the same event.
    if (this.#head === DONE) this.#scanner.feed(NO_JSON);
    // It stands between two lines of data for whoever reads them, and comes out as the stream has it.
    this.#scanner.feed(LINE_END);
    this.#scanner.release();
    if (this.#head.length <= DONE.length) this.#head += "\n";
  }

  #data(start: number, end: number): void {
    const chunk = this.#chunk;
    const data = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
    if (this.#head.length <= DONE.length) this.#head += textOf(data.subarray(0, 16));
    // No JSON, as the scanner would find out.
    if (this.#head === DONE) return;
    this.#dataFrom = start;
    const passed = this.#scanner!.feed(data);
    if (passed !== data) this.#replace(start, end, passed);
  }

  #eventEnded(): void {
    if (this.#head.trim() === DONE) this.#options.onDone();
    this.#scanner = null;
    this.#head = "";
  }

  /**
   * What stands between two lines has no place in a value: each line's part of it comes out alone.
   *
   * @param at where the line ends
   */
  #release(at: number): void {
    if (this.#scanner?.isHolding) this.#replace(at, at, this.#scanner.release());
  }

  /** Puts these bytes out in place of a part of the chunk. */
  #replace(start: number, end: number, bytes: Uint8Array): void {
    this.#out.push(this.#chunk.subarray(this.#from, start), bytes);
    this.#from = end;
  }
}

function lineEnd(chunk: Uint8Array, from: number): number {
  let end = from;
  while (end < chunk.length && chunk[end] !== LF && chunk[end] !== CR) end++;
  return end;
}
