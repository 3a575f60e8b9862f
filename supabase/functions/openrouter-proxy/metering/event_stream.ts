/**
 * A stream of server-sent events, read while it passes: each event's data is JSON text that goes
 * through a scanner of its own. Nothing of an event is kept but what its reading holds back.
 *
 * Source: WHATWG HTML, "Parsing an event stream"; docs/openrouter.md, "SSE".
 */
import { concat } from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor, type ScanBounds } from "../bytes/json_scanner.ts";
import { redactedError } from "../openrouter/identifiers.ts";

export interface EventStreamOptions {
  /** Who reads the next event's data. */
  reading: () => JsonVisitor;
  bounds: ScanBounds;
  /** `[DONE]` has come. */
  onDone: () => void;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DATA = [0x64, 0x61, 0x74, 0x61];
const DONE = "[DONE]";
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const MAX_LINE_BYTES = 64 * 1024;
const NO_BYTES: Uint8Array = new Uint8Array();
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
  /**
   * Where a value that is held back goes on in another line, what stands between the two lines has no
   * place in it: from there on each line of the event is held back, and redacted by itself.
   */
  #line: Uint8Array | null = null;

  #out: Uint8Array[] = [];
  /** Whether something else comes out of the present chunk than itself. */
  #isChanged = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** @returns what is to be passed on of this chunk and what was held back before */
  feed(chunk: Uint8Array): Uint8Array {
    this.#out = [];
    this.#isChanged = false;
    /** How far the chunk has been dealt with. */
    let from = 0;
    let i = 0;
    while (i < chunk.length) {
      const byte = chunk[i]!;
      if (byte === LF || byte === CR) {
        if (byte === CR || this.#lastByte !== CR) {
          this.#pass(chunk.subarray(from, i));
          from = i;
          this.#lineEnded();
        }
        i++;
      } else if (this.#part === "name") {
        this.#nameGoesOn(byte);
        i++;
      } else if (this.#part === "space") {
        this.#dataBegan();
        if (byte === SPACE) i++;
      } else {
        const end = lineEnd(chunk, i);
        if (this.#part === "data") {
          this.#pass(chunk.subarray(from, i));
          this.#data(chunk.subarray(i, end));
          from = end;
        }
        i = end;
      }
      if (i > 0) this.#lastByte = chunk[i - 1]!;
    }
    this.#pass(chunk.subarray(from));
    return this.#isChanged ? concat(...this.#out) : chunk;
  }

  /** No more will come; the last event may lack its blank line. @returns what was held back */
  end(): Uint8Array {
    this.#out = [];
    this.#eventEnded();
    return concat(...this.#out);
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

  #lineEnded(): void {
    if (this.#column === 0) this.#eventEnded();
    else if (this.#line !== null) this.#lineRedacted();
    else if (this.#scanner?.isHolding) {
      this.#put(redactedError(this.#scanner.release()));
      this.#line = NO_BYTES;
    }
    this.#part = "name";
    this.#column = 0;
    this.#markLength = 3;
  }

  #dataBegan(): void {
    this.#part = "data";
    if (this.#scanner !== null) {
      this.#scanner.feed(LINE_END);
      return;
    }
    this.#scanner = new JsonScanner(this.#options.reading(), this.#options.bounds);
  }

  #data(data: Uint8Array): void {
    if (this.#head.length <= DONE.length) this.#head += decoder.decode(data.subarray(0, 16));
    const passed = this.#scanner!.feed(data);
    if (this.#line !== null) return this.#pass(data);
    if (passed !== data) this.#isChanged = true;
    this.#out.push(passed);
  }

  #eventEnded(): void {
    if (this.#scanner?.isHolding) this.#put(redactedError(this.#scanner.release()));
    if (this.#line !== null) this.#lineRedacted();
    if (this.#head.trim() === DONE) this.#options.onDone();
    this.#scanner = null;
    this.#head = "";
    this.#line = null;
  }

  /** Passes bytes on as they are, unless lines are held back. */
  #pass(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#line === null) this.#out.push(bytes);
    else {
      this.#line = concat(this.#line, bytes);
      this.#isChanged = true;
      if (this.#line.length > MAX_LINE_BYTES) this.#lineRedacted();
    }
  }

  #lineRedacted(): void {
    this.#put(redactedError(this.#line!));
    this.#line = NO_BYTES;
  }

  /** Puts out what was held back. */
  #put(bytes: Uint8Array): void {
    this.#isChanged = true;
    this.#out.push(bytes);
  }
}

const decoder = new TextDecoder();

function lineEnd(chunk: Uint8Array, from: number): number {
  let end = from;
  while (end < chunk.length && chunk[end] !== LF && chunk[end] !== CR) end++;
  return end;
}
