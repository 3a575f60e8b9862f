/**
 * The errors that an answer reports, although its status may be 200. Callers read them in their log, so
 * that they hold no more of the operator's identifiers than the answers themselves.
 */
import { isObject } from "../bytes/encodings.ts";
import { storable } from "../bytes/storable.ts";
import { redactedErrorText } from "../openrouter/identifiers.ts";
import { choicesOf } from "./choices.ts";
import { type Json, text } from "./told_values.ts";

const MAX_ERROR_LENGTH = 500;

/** The message of an error in an answer: at its top, in a choice, or an event of type `error`. */
export function errorOf(message: Json): string | null {
  const error = saysError(message) ? message.error : choicesOf(message).find(saysError)?.error;
  if (error === undefined) {
    if (message.type !== "error") return null;
    // Where a message is an object, it is an answer as a rule, and only read in part.
    const told = text(message.message) === null ? null : message.message;
    return describe({ ...message, message: told });
  }
  return isObject(error) ? describe(error) : describe({ message: error });
}

function saysError({ error }: Json): boolean {
  return isObject(error) || (typeof error === "string" && error !== "");
}

/** Of an answer that says that it failed, and not why. */
export function failureOf(message: Json, envelope: Json): string | null {
  if (choicesOf(message).some(({ finish_reason }) => finish_reason === "error")) {
    return "the model stopped because of an error";
  }
  const isResponse = envelope.object === "response" || message.type === "response.failed";
  return isResponse && envelope.status === "failed" ? "the response failed" : null;
}

function describe(error: Json): string {
  const code = error.code ?? error.type;
  const prefix = typeof code === "string" || typeof code === "number" ? `${code}: ` : "";
  const message = error.message ?? "no message";
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return storable(redactedErrorText(prefix + text), MAX_ERROR_LENGTH);
}
