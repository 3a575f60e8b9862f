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
import type { Taking } from "../bytes/json_passage.ts";
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
  linkOf: ((url: string) => string | null) | null,
): JsonVisitor {
  const identifier = identifierReading(keepsLength);
  /** Looks for identifiers alone. */
  const elsewhere: JsonVisitor = {
    item: () => elsewhere,
    member: (name) => unread(name),
  };

  const link: JsonVisitor = {
    item: () => link,
    scalar: {
      maxBytes: MAX_URL_BYTES,
      replaces: true,
      value(json) {
        const url = json === null ? null : parsed(json);
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
    if (name === "error" || name === "errors") return { take: error(() => {}) };
    return WRITTEN.has(name) ? null : elsewhere;
  }

  /** Beside what a model wrote. */
  function named(name: string | null): JsonVisitor | null {
    return name !== null && IDENTIFIERS.has(name) ? identifier : null;
  }

  function error(put: (value: unknown) => void): Taking {
    return {
      maxBytes: MAX_ERROR_BYTES,
      replaces: true,
      value(json) {
        put(json === null ? { message: "an error that is too large to be read" } : parsed(json));
        if (json === null) return keepsLength ? null : TOO_LARGE;
        return redactedError(json, keepsLength);
      },
      part: (json) => redactedError(json, keepsLength),
    };
  }

  function object(
    members: Record<string, Told>,
    others: (name: string | null) => JsonVisitor | null,
    put: (value: Record<string, unknown>) => void,
  ): JsonVisitor {
    let value: Record<string, unknown> = {};
    return {
      begin(_at, isObject) {
        value = {};
        if (isObject) put(value);
      },
      member(name) {
        const told = name !== null && Object.hasOwn(members, name) ? members[name]! : null;
        if (told !== null) return member(told, (found) => value[name!] = found);
        // An event of type `error` is one itself: its metadata is not what the client has set.
        const isError = value.type === "error" || typeof value.message === "string";
        return name === "metadata" && isError ? { take: error(() => {}) } : others(name);
      },
    };
  }

  function member(told: Told, put: (value: unknown) => void): JsonVisitor {
    switch (told) {
      case "value":
        return { take: value(put) };
      case "error":
        return { take: error(put) };
      case "envelope":
        return object(ENVELOPE, unread, put);
      case "message":
        // Of an event of type `error` it is the text; a Messages stream begins with one that is an answer.
        return { ...object(ENVELOPE, unread, put), scalar: error(put) };
      case "delta":
        return object(DELTA, () => null, put);
      case "choices": {
        const choices: unknown[] = [];
        return {
          begin: () => put(choices),
          item: () => object(CHOICE, named, (choice) => choices.push(choice)),
        };
      }
    }
  }

  let message: unknown = null;
  return {
    ...object(ENVELOPE, unread, (value) => message = value),
    item: () => elsewhere,
    end() {
      tell(message);
      message = null;
    },
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

function value(put: (value: unknown) => void): Taking {
  return {
    maxBytes: MAX_TOLD_BYTES,
    value(json) {
      if (json !== null) put(parsed(json));
      return null;
    },
  };
}

/** Most of what is told is a plain text, in each of a hundred thousand events. */
function parsed(json: Uint8Array): unknown {
  const text = textOf(json);
  const isPlain = isText(json) && !text.includes("\\");
  return isPlain ? text.slice(1, -1) : parseWithExactMoney(text);
}

function isText(json: Uint8Array): boolean {
  return json[0] === 0x22;
}
