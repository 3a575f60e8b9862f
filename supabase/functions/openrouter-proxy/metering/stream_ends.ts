/** How the messages of a stream tell that it is over, by endpoint. */
import { isObject } from "../bytes/encodings.ts";
import { choicesOf } from "./choices.ts";

/**
 * Whether a message belongs to a stream that says at its end that it is over: by a reason to stop, usage,
 * an error, or `[DONE]`.
 */
export function announcesItsEnd(message: unknown): boolean {
  return isObject(message) && (choicesOf(message).length > 0 ||
    message.type === "response.created" || message.type === "message_start");
}

const LAST_OF_RESPONSE = new Set<unknown>([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/** Whether a message is the last event of a stream of the Messages API. */
export function isLastOfMessage(message: unknown): boolean {
  return isObject(message) && message.type === "message_stop";
}

/** Whether a message is the last one of a stream of the Responses API; `[DONE]` may follow. */
export function isLastOfResponse(message: unknown): boolean {
  return isObject(message) && LAST_OF_RESPONSE.has(message.type);
}
