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
  const first = addsUsage && !members.hasUsage ? [USAGE] : [];
  const insertions: Insertion[] = [];
  /** A repeated member's last one holds, so that what says nothing is overruled from behind. */
  function add(span: Span, presence: Presence, member: string) {
    if (presence === "empty") insertions.push({ at: span.end, text: `,${member}` });
    else if (presence === "absent" && span === members.body) first.push(member);
    else if (presence === "absent") {
      insertions.push({ at: span.start, text: span.isEmpty ? member : `${member},` });
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
  if (first.length > 0) {
    const text = first.join(",");
    insertions.push({ at: members.body.start, text: members.body.isEmpty ? text : `${text},` });
  }
  return inserted(body, insertions);
}

function inserted(body: Bytes, insertions: Insertion[]): Bytes {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { at, text } of insertions.toSorted((one, other) => one.at - other.at)) {
    parts.push(body.subarray(from, at), utf8(text));
    from = at;
  }
  return parts.length === 0 ? body : concat(...parts, body.subarray(from));
}
