/**
 * What the gateway adds to a request's JSON body. Every other byte stays the client's, so that large
 * integers, spacing, repeated and escaped keys reach OpenRouter as they were sent.
 *
 * Source: docs/protocol.md, "Headers".
 */
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
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

interface Insertion {
  at: number;
  text: string;
}

const USAGE = '"usage":{"include":true}';

/**
 * The body with what the endpoint adds: `usage: {include: true}`, and the DID's pseudonym where the
 * client names nobody. Every other byte stays.
 */
export function withAdditions(
  body: Bytes,
  { members }: { readonly members: Members },
  { addsUsage, pseudonym }: CallEndpoint,
  pseudonymOfDid: string,
): Bytes {
  /** Members at the beginning of the body, and what is inserted behind them. */
  let first = addsUsage && !members.hasUsage ? USAGE : "";
  let further = null as Insertion | null;
  /** A repeated member's last one holds, so that what says nothing is overruled from behind. */
  function add(span: Span, presence: Presence, member: string) {
    if (presence === "empty") further = { at: span.end, text: `,${member}` };
    else if (presence === "absent" && span === members.body) {
      first = first === "" ? member : `${first},${member}`;
    } else if (presence === "absent") {
      further = { at: span.start, text: span.isEmpty ? member : `${member},` };
    }
  }
  const userId = JSON.stringify(pseudonymOfDid);
  if (pseudonym === "user" || pseudonym === "safety_identifier") {
    add(members.body, members[pseudonym], `"${pseudonym}":${userId}`);
  } else if (pseudonym === "metadata.user_id") {
    const { metadata, metadataSpan, metadataUserId } = members;
    if (metadataSpan) add(metadataSpan, metadataUserId, `"user_id":${userId}`);
    else add(members.body, metadata, `"metadata":{"user_id":${userId}}`);
  }
  const { start, isEmpty } = members.body;
  const front = first === "" || isEmpty ? first : `${first},`;
  return inserted(body, { at: start, text: front }, further);
}

/** @param further is behind `first` */
function inserted(body: Bytes, { at, text }: Insertion, further: Insertion | null): Bytes {
  if (further === null) {
    return text === "" ? body : concat(body.subarray(0, at), utf8(text), body.subarray(at));
  }
  return concat(
    body.subarray(0, at),
    utf8(text),
    body.subarray(at, further.at),
    utf8(further.text),
    body.subarray(further.at),
  );
}
