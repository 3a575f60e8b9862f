/** Structured fields (RFC 9651, formerly RFC 8941) of a request. */
import {
  type Dictionary,
  type InnerList,
  isInnerList,
  type Item,
  parseDictionary,
  serializeInnerList,
  serializeItem,
} from "structured-headers";
import { GatewayError } from "../../errors.ts";

/**
 * As long as a token: whoever sends more makes the gateway parse for nothing, before anything is
 * verified.
 */
const MAX_FIELD_LENGTH = 4096;

/**
 * @returns null where the field was not sent
 * @throws {GatewayError} invalid_request where it is no dictionary, or too long for one
 */
export function readDictionary(headers: Headers, name: string): Dictionary | null {
  const value = headers.get(name);
  if (value === null) return null;
  if (value.length > MAX_FIELD_LENGTH) {
    throw new GatewayError(
      "invalid_request",
      `${name} takes at most ${MAX_FIELD_LENGTH} characters`,
    );
  }
  try {
    return parseDictionary(value);
  } catch (cause) {
    throw new GatewayError("invalid_request", `${name} is no dictionary of RFC 9651`, { cause });
  }
}

/** The one spelling that RFC 9651 section 4.1 gives a member. */
export function serializeMember(member: Item | InnerList): string {
  return isInnerList(member) ? serializeInnerList(member) : serializeItem(member);
}
