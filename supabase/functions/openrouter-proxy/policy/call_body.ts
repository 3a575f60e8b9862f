/**
 * What the gateway reads of a request's JSON body, and what it adds.
 *
 * The bytes are the client's: they are scanned, never parsed to a document and serialised again, so
 * that large integers, spacing, repeated and escaped keys reach OpenRouter as they were sent, and a
 * hostile body costs no more than its length.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import { type Bytes, concat, textOf, utf8 } from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor, type Taking } from "../bytes/json_scanner.ts";
import { GatewayError } from "../errors.ts";
import type { CallEndpoint } from "./endpoints.ts";
import type { Finding } from "./findings.ts";
import { searchReach, type Watch } from "./shared_features.ts";

export interface CallBody {
  /** `model`, when it is a string. */
  readonly model: string | null;
  /** Whether `stream` is true. */
  readonly streaming: boolean;
  /** Whether it asks for what may cost beside its model: tools, plugins, other models. */
  readonly asksForMore: boolean;
  /** What reaches things that all DIDs share. */
  readonly sharedFeatures: readonly Finding[];
  /** Jobs that must be the caller's own. */
  readonly previousJobIds: ReadonlySet<string>;
  /** The members that the gateway may have to add to. */
  readonly members: Members;
}

interface Members {
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
type Presence = "absent" | "empty" | "present";

interface Insertion {
  at: number;
  text: string;
}

/** Far more than calls have, and little enough for a scan of some ten milliseconds a megabyte. */
const BOUNDS = { maxDepth: 128, maxValues: 1_000_000, maxMembers: 250_000 };
const MAX_TEXT_BYTES = 4096;
const USAGE = '"usage":{"include":true}';
const DECODED_AT_ONCE_BYTES = 64 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** RFC 8259 section 2. */
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];

/**
 * Reads the body of a request.
 *
 * @param kind `json`: it must be a JSON object; `any`: it is read where it is JSON
 * @returns null for a body that is no JSON, and need not be
 * @throws {GatewayError} invalid_request when the body is no JSON object in UTF-8, or nested too deeply;
 *   request_too_large when it has too many values
 */
export function readCallBody(body: Bytes, kind: CallEndpoint["body"]): CallBody | null {
  if (kind === "any" && !looksLikeJson(body)) return null;
  assertUtf8(body);
  const reading = new BodyReading();
  scan(body, reading);
  if (kind === "json" && !reading.isObject) {
    throw new GatewayError("invalid_request", "the request body must be a JSON object");
  }
  return reading;
}

class BodyReading implements CallBody, JsonVisitor {
  model: string | null = null;
  streaming = false;
  asksForMore = false;
  isObject = false;
  readonly members: Members = {
    body: { start: 0, end: 0, isEmpty: true },
    hasUsage: false,
    user: "absent",
    safety_identifier: "absent",
    metadata: "absent",
    metadataSpan: null,
    metadataUserId: "absent",
  };
  readonly #reach = searchReach();
  readonly sharedFeatures = this.#reach.sharedFeatures;
  readonly previousJobIds = this.#reach.previousJobIds;

  begin(at: number, isObject: boolean): void {
    this.isObject = isObject;
    this.members.body.start = at + 1;
  }

  end(at: number, isEmpty: boolean): void {
    this.members.body = { ...this.members.body, end: at, isEmpty };
    this.#reach.visitor.end();
  }

  item(): JsonVisitor {
    return this.#reach.visitor.item();
  }

  member(name: string | null): JsonVisitor | null {
    const { members } = this;
    switch (name) {
      case "model":
        return this.#model(this.#reach.visitor.member(name) as Watch);
      case "stream":
        this.streaming = false;
        return { scalar: taking((json) => this.streaming = json === "true") };
      case "usage":
        members.hasUsage = true;
        return null;
      case "user":
      case "safety_identifier":
        return presence((found) => members[name] = found);
      case "metadata":
        return this.#metadata();
      case "tools":
      case "plugins":
      case "web_search_options":
      case "models":
      case "fallbacks":
        this.asksForMore = true;
        return this.#reach.visitor.member(name);
      default:
        return this.#reach.visitor.member(name);
    }
  }

  /** What it names is booked, and must be no preset. */
  #model(watch: Watch): JsonVisitor {
    this.model = null;
    return {
      item: () => watch.item(),
      member: (name) => watch.member(name),
      begin: () => watch.begin(),
      end: () => watch.end(),
      scalar: {
        maxBytes: MAX_TEXT_BYTES,
        value: (json) => {
          const value: unknown = json === null ? null : JSON.parse(textOf(json));
          if (typeof value === "string") this.model = value;
          return watch.scalar!.value(json);
        },
      },
    };
  }

  #metadata(): JsonVisitor {
    const { members } = this;
    members.metadataSpan = null;
    return {
      ...presence((found) => members.metadata = found),
      begin(at, isObject) {
        members.metadata = "present";
        members.metadataUserId = "absent";
        if (isObject) members.metadataSpan = { start: at + 1, end: 0, isEmpty: true };
      },
      end(at, isEmpty) {
        if (members.metadataSpan) {
          members.metadataSpan = { ...members.metadataSpan, end: at, isEmpty };
        }
      },
      member: (name) =>
        name === "user_id" ? presence((found) => members.metadataUserId = found) : null,
    };
  }
}

/**
 * The body with what the endpoint adds: `usage: {include: true}`, and the DID's pseudonym where the
 * client names nobody. Every other byte stays.
 */
export function withAdditions(
  body: Bytes,
  { members }: CallBody,
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

/** @throws {GatewayError} invalid_request, request_too_large */
function scan(body: Bytes, visitor: JsonVisitor): void {
  const scanner = new JsonScanner(visitor, BOUNDS);
  scanner.feed(body);
  const { error, isComplete } = scanner;
  if (error === null && isComplete) return;
  if (error?.kind === "values") {
    throw new GatewayError("request_too_large", `the request body is too large: ${error.message}`);
  }
  const problem = error?.kind === "depth" ? "is not accepted" : "is not valid JSON";
  const why = error?.message ?? "it ends too early";
  throw new GatewayError("invalid_request", `the request body ${problem}: ${why}`);
}

/** @throws {GatewayError} invalid_request */
function assertUtf8(body: Bytes): void {
  const strict = new TextDecoder("utf-8", { fatal: true });
  try {
    for (let at = 0; at < body.length; at += DECODED_AT_ONCE_BYTES) {
      strict.decode(body.subarray(at, at + DECODED_AT_ONCE_BYTES), { stream: true });
    }
    strict.decode();
  } catch {
    throw new GatewayError(
      "invalid_request",
      "the request body is not valid JSON: it is not UTF-8",
    );
  }
}

/** However much white space comes first: whoever parses JSON passes over all of it. */
function looksLikeJson(body: Bytes): boolean {
  let at = BYTE_ORDER_MARK.every((byte, i) => body[i] === byte) ? BYTE_ORDER_MARK.length : 0;
  while (WHITE_SPACE.includes(body[at]!)) at++;
  return body[at] === 0x7b || body[at] === 0x5b;
}

/** @param use is given the JSON text of a scalar; null for a long one */
function taking(use: (json: string | null) => void): Taking {
  return {
    maxBytes: 64,
    value(json) {
      use(json && textOf(json));
      return null;
    },
  };
}

function presence(use: (presence: Presence) => void): JsonVisitor {
  return {
    begin: () => use("present"),
    scalar: taking((json) => use(json === "null" || json === '""' ? "empty" : "present")),
  };
}
