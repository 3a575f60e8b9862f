/**
 * What the gateway adds to a request's JSON body. Every other byte stays the client's, so that large
 * integers, spacing, repeated and escaped keys reach OpenRouter as they were sent.
 *
 * Source: docs/protocol.md, "Headers".
 */
import type { Bytes } from "../bytes/encodings.ts";
import type { CallEndpoint } from "./calls.ts";

/** Where the members stand that the gateway may have to add to. */
export interface Members {
  body: Span;
  hasUsage: boolean;
  user: Presence;
  safety_identifier: Presence;
  metadata: Presence;
  /** Of the last `metadata`, where it is an object. */
  metadataSpan: Span | null;
  metadataUserId: Presence;
}

/** An object in the bytes: after its opening brace, and at the closing one. */
interface Span {
  start: number;
  end: number;
  isEmpty: boolean;
}

/** Of the last member of a name: not there; null or the empty string; there. */
export type Presence = "absent" | "empty" | "present";

const USAGE = '"usage":{"include":true}';

/**
 * The body with what the endpoint adds: `usage: {include: true}`, and the DID's pseudonym where the
 * client names nobody. Every other byte stays.
 *
 * @param pseudonymOfDid hex digits
 */
export function withAdditions(
  body: Bytes,
  { members }: { readonly members: Members },
  { addsUsage, pseudonym }: CallEndpoint,
  pseudonymOfDid: string,
): Bytes {
  const { body: top, metadataSpan } = members;
  let span = top;
  let presence: Presence = "present";
  let member = "";
  if (pseudonym === "user" || pseudonym === "safety_identifier") {
    presence = members[pseudonym];
    member = `"${pseudonym}":"${pseudonymOfDid}"`;
  } else if (pseudonym === "metadata.user_id" && metadataSpan !== null) {
    span = metadataSpan;
    presence = members.metadataUserId;
    member = `"user_id":"${pseudonymOfDid}"`;
  } else if (pseudonym === "metadata.user_id") {
    presence = members.metadata;
    member = `"metadata":{"user_id":"${pseudonymOfDid}"}`;
  }
  let first = addsUsage && !members.hasUsage ? USAGE : "";
  let whole = body;
  // A repeated member's last one holds, so that what says nothing is overruled from behind.
  if (presence === "empty") whole = inserted(body, span.end, `,${member}`);
  else if (presence === "absent" && span === top) first = first ? `${first},${member}` : member;
  else if (presence === "absent") {
    whole = inserted(body, span.start, span.isEmpty ? member : `${member},`);
  }
  // What stands further behind has moved nothing before it.
  return first ? inserted(whole, top.start, top.isEmpty ? first : `${first},`) : whole;
}

/** @param text of ASCII alone */
function inserted(body: Bytes, at: number, text: string): Bytes {
  const { length } = text;
  const whole = new Uint8Array(body.length + length);
  whole.set(body, length);
  whole.copyWithin(0, length, length + at);
  for (let i = 0; i < length; i++) whole[at + i] = text.charCodeAt(i);
  return whole;
}
