/**
 * Reads an answer's own account of itself from its bytes while they pass, and takes the operator's
 * identifiers out of them.
 *
 * A meter looks at each chunk and keeps next to nothing of it: a JSON answer and the data of an event
 * are scanned, never held, however long they are.
 */
import { concat, isObject, NO_BYTES } from "../bytes/encodings.ts";
import { JsonScanner } from "../bytes/json_scanner.ts";
import { type AnswerKind, beginningOf, kindOf, kindToldBy, type ToldKind } from "./answer_kind.ts";
import { answerReading, errorReading } from "./answer_reading.ts";
import { createChoices } from "./choices.ts";
import { EventStream } from "./event_stream.ts";
import {
  announcesItsEnd,
  isLastOfMessage,
  isLastOfResponse,
  isPing,
  isWholeImage,
  saysWhyItStopped,
} from "./stream_ends.ts";
import { nothingObserved, observe, type Observed } from "./usage.ts";

/** How far an answer has come. */
export interface Progress {
  /** Whether more than an error alone has come; what a stream has begun with may be billed. */
  hasBegun: boolean;
  /** Whether a stream has begun with an error. */
  beginsWithError: boolean;
  /** Whether a stream has said that it is over. */
  isOver: boolean;
  /** Whether a stream goes on behind what it has told: of its usage that may be a part. */
  mayTellMore: boolean;
}

/** How far a stream of events has come. */
export interface StreamProgress extends Progress {
  /** Whether its last event has come, behind which `[DONE]` may follow. */
  hasLast: boolean;
  /** How many events with JSON have come. */
  events: number;
}

export interface Meter {
  /** @returns what is to be passed on, of this chunk and what was held back before; it may be empty */
  feed(chunk: Uint8Array): Uint8Array;
  /** No more bytes will come. @returns what was held back */
  end(): Uint8Array;
  /** Whether the answer has ended before its own end. */
  isCut(): boolean;
  /** Whether its last event is half of one. */
  endsInHalf(): boolean;
  /** Whether nothing came that is an answer, or a part of one. */
  isEmpty(): boolean;
  /** Whether `[DONE]`, or the last event of a message, has come: nothing follows. */
  isDone(): boolean;
  /** What was learnt so far. */
  readonly observed: Observed;
  readonly progress: StreamProgress;
}

export interface Metered {
  /** The answer's content-type, as it came. */
  contentType: string | null;
  /** Whether its status says that it is an error: then all of it is one. */
  isError: boolean;
  /** Whether as many bytes must come out as go in. */
  keepsLength: boolean;
  /** Where a URL of OpenRouter's API is reached through the gateway; null: answers have none. */
  linkOf: ((url: string) => string | null) | null;
}

/** Reads a body of one kind. */
type Reader = Omit<Meter, "observed" | "progress">;

/** What the readers of a body share. */
interface Reading {
  readonly metered: Metered;
  readonly told: ToldKind;
  readonly observed: Observed;
  readonly progress: StreamProgress;
}

/** Far more than answers have. */
const BOUNDS = { maxDepth: 512, maxValues: Infinity };

export function createMeter(metered: Metered): Meter {
  return new BodyMeter(metered);
}

class BodyMeter implements Meter, Reading {
  readonly told: ToldKind;
  readonly observed = nothingObserved();
  readonly progress: StreamProgress = {
    hasBegun: false,
    beginsWithError: false,
    isOver: false,
    mayTellMore: false,
    hasLast: false,
    events: 0,
  };
  /** Null: what the body is cannot be told yet. */
  #reader: Reader | null = null;
  /** What has come of it by then, which is a part of a field's name at most. */
  #head: Uint8Array = NO_BYTES;

  constructor(readonly metered: Metered) {
    this.told = kindToldBy(metered.contentType);
  }

  feed(chunk: Uint8Array): Uint8Array {
    if (this.#reader !== null) return this.#reader.feed(chunk);
    const head = this.#head;
    const start = head.length > 0 ? 0 : beginningOf(chunk);
    const begun = start === 0 ? chunk : chunk.subarray(start);
    const kind = kindOf(this.told, head.length > 0 ? concat(head, begun.subarray(0, 8)) : begun);
    if (kind === null) {
      this.#head = concat(head, begun);
      return chunk;
    }
    const reader = this.#reader = READERS[kind](this);
    // It has been passed on already.
    if (head.length > 0) reader.feed(head);
    const passed = reader.feed(begun);
    return passed === begun ? chunk : concat(chunk.subarray(0, -begun.length), passed);
  }

  end(): Uint8Array {
    return this.#reader?.end() ?? NO_BYTES;
  }

  isCut(): boolean {
    return this.#reader?.isCut() ?? false;
  }

  endsInHalf(): boolean {
    return this.#reader?.endsInHalf() ?? false;
  }

  isEmpty(): boolean {
    return this.#reader?.isEmpty() ?? this.#head.length === 0;
  }

  isDone(): boolean {
    return this.#reader?.isDone() ?? false;
  }
}

/** Members whose values say the same when they come again. */
const REPEATABLE = new Set(["id", "object", "type", "model", "provider", "index"]);

/** Whether an event tells nothing but what another one with the same words tells again: of no end, cost or error. */
function isPlain(message: unknown): boolean {
  return isObject(message) && Object.keys(message).every((name) => {
    const value = message[name];
    if (value === null || REPEATABLE.has(name)) return true;
    if (name === "delta") return isPlain(value);
    return name === "choices" && Array.isArray(value) && value.every(isPlain);
  });
}

/** Whether an answer says that it is a stream of server-sent events. */
export function isEventStream(contentType: string | null): boolean {
  return kindToldBy(contentType) === "events";
}

const READERS: Record<AnswerKind, (reading: Reading) => Reader> = {
  json: (reading) => new JsonReader(reading),
  events: readEvents,
  other: readNothing,
};

function never(): boolean {
  return false;
}

function readNothing({ progress }: Reading): Reader {
  return {
    feed(chunk) {
      if (chunk.length > 0) progress.hasBegun = true;
      return chunk;
    },
    end: () => NO_BYTES,
    isCut: never,
    endsInHalf: never,
    isEmpty: () => !progress.hasBegun,
    isDone: never,
  };
}

class JsonReader implements Reader {
  readonly #told: ToldKind;
  readonly #scanner: JsonScanner;
  #isEmpty = true;

  constructor({ metered, told, observed, progress }: Reading) {
    this.#told = told;
    const { isError, keepsLength, linkOf } = metered;
    const tell = (message: unknown) => {
      observe(observed, message);
      progress.hasBegun ||= announcesItsEnd(message);
      this.#isEmpty = false;
    };
    const visitor = isError ? errorReading(keepsLength) : answerReading(tell, keepsLength, linkOf);
    this.#scanner = new JsonScanner(visitor, BOUNDS);
  }

  feed(chunk: Uint8Array): Uint8Array {
    return this.#scanner.feed(chunk);
  }

  end(): Uint8Array {
    return this.#scanner.release();
  }

  isCut(): boolean {
    return false;
  }

  endsInHalf(): boolean {
    return false;
  }

  isEmpty(): boolean {
    // What does not say that it is JSON may be something else that is not empty.
    return this.#isEmpty && this.#told !== "text";
  }

  isDone(): boolean {
    return false;
  }
}

function readEvents({ metered, told, observed, progress }: Reading): Reader {
  const { keepsLength, linkOf } = metered;
  /** Whether this is a stream that says when it is over. */
  let hasAnEnd = false;
  let isEmpty = true;
  let isDone = false;
  let wasPlain = false;
  /** Whether the last image that has begun is whole. */
  let hasWholeImage = false;
  /** Whether a message has said why it stopped. */
  let hasStopped = false;
  const choices = createChoices();
  const tell = (message: unknown) => {
    // Behind its end a stream says nothing: in a chunk of its own it would not be read.
    if (isDone) return;
    wasPlain = isPlain(message);
    const { error } = observed;
    observe(observed, message);
    // The answer had been given.
    if (progress.hasLast) observed.error = error;
    hasAnEnd ||= announcesItsEnd(message);
    if (progress.events === 0) progress.beginsWithError = observed.error !== null;
    progress.hasBegun = true;
    choices.observe(message);
    hasWholeImage = isWholeImage(message) ?? hasWholeImage;
    progress.events++;
    progress.hasLast ||= isLastOfMessage(message) || isLastOfResponse(message);
    isDone ||= isLastOfMessage(message);
    progress.isOver = progress.hasLast || choices.haveFinished() || hasWholeImage;
    hasStopped ||= saysWhyItStopped(message);
    const isOpen = hasAnEnd && !progress.isOver && !hasStopped;
    progress.mayTellMore = isOpen && observed.error === null;
    isEmpty &&= isPing(message);
  };
  const stream = new EventStream({
    reading: answerReading(tell, keepsLength, linkOf),
    wasPlain() {
      const was = wasPlain;
      wasPlain = false;
      return was;
    },
    onUnread() {
      if (!isDone) progress.events++;
    },
    bounds: BOUNDS,
    onDone() {
      progress.isOver = progress.hasLast = isDone = true;
      progress.mayTellMore = false;
    },
  });
  return {
    feed: (chunk) => stream.feed(chunk),
    end: () => stream.end(),
    isCut() {
      const { outputTokens, cost, error } = observed;
      const isOpen = (hasAnEnd || stream.isHalf) && !progress.isOver;
      return isOpen && outputTokens === null && cost === null && error === null;
    },
    endsInHalf: () => stream.isHalf,
    isEmpty: () => isEmpty && told !== "text",
    isDone: () => isDone,
  };
}
