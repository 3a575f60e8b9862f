/**
 * Reads a JSON answer, or one event of a stream, while it passes: what it says of itself is told, and
 * the operator's identifiers are taken out.
 *
 * Nothing is built but what is told. What a model wrote is passed over, whatever stands in it.
 *
 * Source: docs/openrouter.md, "Where usage sits, by endpoint" and "Errors"; docs/protocol.md,
 * "Redaction".
 */
import { textOf, utf8 } from "../bytes/encodings.ts";
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import type { Taking, TextTaking } from "../bytes/json_passage.ts";
import {
  IDENTIFIERS,
  REDACTED_TEXT,
  redactedError,
  redactedText,
} from "../openrouter/identifiers.ts";
import { KEY_BUDGETS, ownBudgets } from "../openrouter/key_budgets.ts";
import { parseWithExactMoney } from "./told_values.ts";

/** Usage has some kilobytes at most. */
const MAX_TOLD_BYTES = 64 * 1024;
/** A larger error is replaced; where its length must be kept, it passes. */
const MAX_ERROR_BYTES = 256 * 1024;
/** A key has some few. */
const MAX_BUDGETS_BYTES = 64 * 1024;
/** As an error. */
const MAX_IDENTIFIER_BYTES = 1024;
const TOO_LARGE = utf8('{"message":"the error is too large to be passed on"}');

/** Members of a job's answers that lead to it (docs/openrouter.md, "Where usage sits, by endpoint"). */
const LINKS = new Set(["polling_url", "unsigned_urls"]);
const MAX_URL_BYTES = 8 * 1024;

/** What is told of a value. */
type Told = "value" | "error" | "choices" | "message" | "envelope" | "delta";

/** The members that metering/usage.ts reads. */
const ENVELOPE: Record<string, Told> = {
  id: "value",
  object: "value",
  type: "value",
  status: "value",
  code: "value",
  model: "value",
  provider: "value",
  stop_reason: "value",
  incomplete_details: "value",
  usage: "value",
  error: "error",
  choices: "choices",
  delta: "delta",
  response: "envelope",
  message: "message",
};
const CHOICE: Record<string, Told> = {
  index: "value",
  finish_reason: "value",
  native_finish_reason: "value",
  error: "error",
};
const DELTA: Record<string, Told> = { stop_reason: "value" };

/** Written by a model, or by the client and told back. */
const WRITTEN = new Set([
  "annotation",
  "annotations",
  "answers",
  "arguments",
  "content",
  "content_block",
  "delta",
  "documents",
  "input",
  "instructions",
  "item",
  "metadata",
  "output",
  "part",
  "results",
  "text",
  "tools",
]);

type LinkOf = (url: string) => string | null;

/**
 * Who reads an answer, or one event of a stream after another.
 *
 * @param tell is given the answer's own account of itself when it has ended: the members that
 *   metering/usage.ts reads, with exact money
 * @param keepsLength whether what is redacted must keep its length
 * @param linkOf where a URL of OpenRouter's API is reached through the gateway: a client that follows
 *   one with its own Authorization would hand that to somebody else. Null: answers have none
 */
export function answerReading(
  tell: (message: unknown) => void,
  keepsLength: boolean,
  linkOf: LinkOf | null,
): JsonVisitor {
  if (linkOf !== null) return new ToldAnswer(tell, untold(keepsLength, linkOf));
  return new ToldAnswer(tell, keepsLength ? UNTOLD_OF_SAME_LENGTH : UNTOLD);
}

/** What is done with members that are not told. */
interface Untold {
  keepsLength: boolean;
  /** Looks for identifiers alone. */
  elsewhere: JsonVisitor;
  error: JsonVisitor;
  unread(name: string | null): JsonVisitor | null;
  /** Beside what a model wrote. */
  named(name: string | null): JsonVisitor | null;
}

function untold(keepsLength: boolean, linkOf: LinkOf | null): Untold {
  const identifier = identifierReading(keepsLength);
  const elsewhere: JsonVisitor = {
    item: () => elsewhere,
    member: (name) => unread(name),
  };
  const error: JsonVisitor = { take: errorTaking(() => {}, keepsLength) };

  const link: JsonVisitor = {
    item: () => link,
    scalar: {
      maxBytes: MAX_URL_BYTES,
      replaces: true,
      value(json) {
        const url = json === null ? null : parsed(textOf(json));
        const here = typeof url === "string" ? linkOf?.(url) ?? null : null;
        return here === null ? null : utf8(JSON.stringify(here));
      },
    },
  };

  const budgets: JsonVisitor = {
    take: {
      maxBytes: MAX_BUDGETS_BYTES,
      replaces: true,
      value(json) {
        if (json === null) return keepsLength ? null : utf8("null");
        return redactedError(ownBudgets(json, keepsLength), keepsLength);
      },
      part: (json) => redactedError(json, keepsLength),
    },
  };

  function unread(name: string | null): JsonVisitor | null {
    if (name === null) return elsewhere;
    if (KEY_BUDGETS.has(name)) return budgets;
    if (linkOf !== null && LINKS.has(name)) return link;
    if (IDENTIFIERS.has(name)) return identifier;
    if (name === "error" || name === "errors") return error;
    return WRITTEN.has(name) ? null : elsewhere;
  }

  function named(name: string | null): JsonVisitor | null {
    return name !== null && IDENTIFIERS.has(name) ? identifier : null;
  }

  return { keepsLength, elsewhere, error, unread, named };
}

/** That of nearly all answers, which have no links. */
const UNTOLD = untold(false, null);
const UNTOLD_OF_SAME_LENGTH = untold(true, null);

/** An object whose members are told, some of them. */
abstract class ToldObject implements JsonVisitor {
  #object!: Record<string, unknown>;

  /**
   * @param value tells the values of all objects of an answer
   * @param others what is done with the other members
   * @param scalar what is done with something else in its place
   */
  constructor(
    readonly untold: Untold,
    readonly value: ToldValue,
    readonly members: Record<string, Told>,
    readonly others: (name: string | null) => JsonVisitor | null,
    readonly scalar?: Taking,
  ) {}

  /** Is given the object when it begins. */
  protected abstract put(object: Record<string, unknown>): void;

  begin(_at: number, isObject: boolean): void {
    this.#object = {};
    if (isObject) this.put(this.#object);
  }

  member(name: string | null): JsonVisitor | null {
    const object = this.#object;
    if (name !== null && Object.hasOwn(this.members, name)) {
      const told = this.members[name]!;
      return told === "value" ? this.value.of(object, name) : this.#told(told, object, name);
    }
    // An event of type `error` is one itself: its metadata is not what the client has set.
    const isError = object.type === "error" || typeof object.message === "string";
    return name === "metadata" && isError ? this.untold.error : this.others(name);
  }

  #told(
    told: Exclude<Told, "value">,
    object: Record<string, unknown>,
    name: string,
  ): JsonVisitor {
    const { untold, value } = this;
    switch (told) {
      case "error":
        return { take: errorOf(object, name, untold) };
      case "envelope":
        return new ToldMember(object, name, untold, value, ENVELOPE, untold.unread);
      case "message": {
        // Of an event of type `error` it is the text; a Messages stream begins with one that is an answer.
        const text = errorOf(object, name, untold);
        return new ToldMember(object, name, untold, value, ENVELOPE, untold.unread, text);
      }
      case "delta":
        return new ToldMember(object, name, untold, value, DELTA, passedOver);
      case "choices":
        return new ToldChoices(object, untold, value);
    }
  }
}

/** A member of an object that is told. */
class ToldMember extends ToldObject {
  constructor(
    readonly object: Record<string, unknown>,
    readonly name: string,
    untold: Untold,
    value: ToldValue,
    members: Record<string, Told>,
    others: ToldObject["others"],
    scalar?: Taking,
  ) {
    super(untold, value, members, others, scalar);
  }

  protected put(object: Record<string, unknown>): void {
    this.object[this.name] = object;
  }
}

/** The choices of an answer, each of which has ended when the next one begins. */
class ToldChoices implements JsonVisitor {
  readonly #choices: unknown[] = [];
  readonly #choice: ToldChoice;

  constructor(readonly object: Record<string, unknown>, untold: Untold, value: ToldValue) {
    this.#choice = new ToldChoice(this.#choices, untold, value);
  }

  begin(): void {
    this.object.choices = this.#choices;
  }

  item(): JsonVisitor {
    return this.#choice;
  }
}

class ToldChoice extends ToldObject {
  constructor(readonly choices: unknown[], untold: Untold, value: ToldValue) {
    super(untold, value, CHOICE, untold.named);
  }

  protected put(choice: Record<string, unknown>): void {
    this.choices.push(choice);
  }
}

/** A whole answer, or one event after another. */
class ToldAnswer extends ToldObject {
  readonly #tell: (message: unknown) => void;
  #message: unknown = null;

  constructor(tell: (message: unknown) => void, untold: Untold) {
    super(untold, new ToldValue(), ENVELOPE, untold.unread);
    this.#tell = tell;
  }

  protected put(message: unknown): void {
    this.#message = message;
  }

  item(): JsonVisitor {
    return this.untold.elsewhere;
  }

  end(): void {
    this.#tell(this.#message);
    this.#message = null;
  }
}

/** The value of one member after another: each has ended when the next one begins. */
class ToldValue implements JsonVisitor, TextTaking {
  readonly take = this;
  readonly maxBytes = MAX_TOLD_BYTES;
  #object: Record<string, unknown> = {};
  #name = "";

  /** Takes the value of this member next. */
  of(object: Record<string, unknown>, name: string): this {
    this.#object = object;
    this.#name = name;
    return this;
  }

  text(json: string | null): void {
    if (json !== null) this.#object[this.#name] = parsed(json);
  }
}

function passedOver(): null {
  return null;
}

/** An error that is a member of an object. */
function errorOf(object: Record<string, unknown>, name: string, { keepsLength }: Untold): Taking {
  return errorTaking((error) => object[name] = error, keepsLength);
}

function errorTaking(put: (value: unknown) => void, keepsLength: boolean): Taking {
  return {
    maxBytes: MAX_ERROR_BYTES,
    replaces: true,
    value(json) {
      put(
        json === null ? { message: "an error that is too large to be read" } : parsed(textOf(json)),
      );
      if (json === null) return keepsLength ? null : TOO_LARGE;
      return redactedError(json, keepsLength);
    },
    part: (json) => redactedError(json, keepsLength),
  };
}

/** A body whose status says that it is an error, read for identifiers alone. */
export function errorReading(keepsLength: boolean): JsonVisitor {
  const identifier = identifierReading(keepsLength);
  const everything: JsonVisitor = {
    item: () => everything,
    member: (name) => name !== null && IDENTIFIERS.has(name) ? identifier : everything,
    scalar: {
      maxBytes: MAX_ERROR_BYTES,
      replaces: true,
      value: (json) => json && redactedError(json, keepsLength),
      part: (json) => redactedError(json, keepsLength),
    },
  };
  return everything;
}

/** The value of a member that names the operator's account, and what stands in it where it is a list or an object. */
function identifierReading(keepsLength: boolean): JsonVisitor {
  const redacted = (json: Uint8Array) =>
    isText(json) ? redactedText(json, keepsLength) : redactedError(json, keepsLength);
  const identifier: JsonVisitor = {
    item: () => identifier,
    member: () => identifier,
    scalar: {
      maxBytes: MAX_IDENTIFIER_BYTES,
      replaces: true,
      value(json) {
        if (json === null) return keepsLength ? null : REDACTED_TEXT;
        return redacted(json);
      },
      part: redacted,
    },
  };
  return identifier;
}

/** Most of what is told is a plain text, in each of a hundred thousand events. */
function parsed(json: string): unknown {
  const isPlain = json.startsWith('"') && !json.includes("\\");
  return isPlain ? json.slice(1, -1) : parseWithExactMoney(json);
}

function isText(json: Uint8Array): boolean {
  return json[0] === 0x22;
}
