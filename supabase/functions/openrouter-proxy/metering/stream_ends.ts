/** How the messages of a stream tell that it lives, and that it is over, by endpoint. */
import { isObject } from "../bytes/encodings.ts";
import { choicesOf } from "./choices.ts";

/** Of streams whose last event has a name: those of a response, of images, of a message. */
const NAMED = /^(?:response\.|image_generation\.|message_start$)/;
const OF_IMAGES = /^image_generation\./;

/**
 * Whether a message belongs to a stream that says at its end that it is over: by a reason to stop, a last
 * event, usage, an error, or `[DONE]`.
 */
export function announcesItsEnd(message: unknown): boolean {
  return isObject(message) && (choicesOf(message).length > 0 || NAMED.test(typeOf(message)));
}

/** Whether a message of a stream of images is a whole one; another may follow. Null: it is no such message. */
export function isWholeImage(message: unknown): boolean | null {
  if (!isObject(message) || !OF_IMAGES.test(typeOf(message))) return null;
  return message.type === "image_generation.completed";
}

function typeOf({ type }: Record<string, unknown>): string {
  return typeof type === "string" ? type : "";
}

const LAST_OF_RESPONSE = new Set<unknown>([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/** Whether a message of a stream of the Messages API tells the whole of its usage: others count up to it. */
export function saysWhyItStopped(message: unknown): boolean {
  return isObject(message) && isObject(message.delta) &&
    typeof message.delta.stop_reason === "string";
}

/** Whether a message is the last event of a stream of the Messages API. */
export function isLastOfMessage(message: unknown): boolean {
  return isObject(message) && message.type === "message_stop";
}

/** Whether a message is the last one of a stream of the Responses API; `[DONE]` may follow. */
export function isLastOfResponse(message: unknown): boolean {
  return isObject(message) && LAST_OF_RESPONSE.has(message.type);
}

/** Whether a message only says that a stream of the Messages API lives. */
export function isPing(message: unknown): boolean {
  return isObject(message) && message.type === "ping";
}
