/**
 * What a form asks for: `/audio/transcriptions` takes multipart/form-data as well. It is held against
 * the same rules as a JSON body, so that it must be one that nobody reads in another way.
 *
 * Source: RFC 7578; RFC 2046, section 5.1; docs/protocol.md, "Bodies".
 */
import { CR, LF } from "../bytes/encodings.ts";
import { Buffer } from "node:buffer";
import type { Bytes } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";
import { Asked } from "./asked.ts";
import type { Finding } from "./findings.ts";
import { looksLikeJson } from "./json_text.ts";
import { meaningOf } from "./members.ts";
import { featureOfField } from "./shared_features.ts";

/** What is read of a form. */
export interface Form {
  /** The field `model`, the last one of several; null: there is none. */
  model: string | null;
  /** Every model that a field names. */
  asked: Asked;
  /** What reaches things that all DIDs share. */
  sharedFeatures: Finding[];
}

/** Far more than forms have. */
const MAX_PARTS = 1_000;
const MAX_HEADERS_BYTES = 4096;
const MAX_VALUE_BYTES = 4096;
const FORM = /^multipart\/form-data\s*(?:;|$)/i;
const ANY_FORM = /^(multipart\/form-data|application\/x-www-form-urlencoded)\s*(?:;|$)/i;
const BOUNDARY = /\bboundary\s*=\s*(?:"([^"\\]{1,70})"|([^";,\s]{1,70}))\s*(?:;|$)/i;
const NAME =
  /^content-disposition:\s*form-data\s*;(?:.*;)?\s*name=(?:"([^"\\]*)"|([^";\s]+))\s*(?:;|$)/i;

const NOT_UTF8 = "a field of it is not in UTF-8";

/** What headers of a part make parsers differ; each line of them is looked at by itself. */
const UNCLEAR_HEADERS: readonly [RegExp, string][] = [
  [/[\r\n]|^[ \t]/, "a header of it is more than a line"],
  [/^content-transfer-encoding\s*:(?!\s*(?:7bit|8bit|binary)\s*$)/i, "a field of it is encoded"],
  [
    /^content-type\s*:.*\bcharset\s*=(?!\s*"?(?:utf-?8|us-ascii|iso-8859-1)\b)/i,
    NOT_UTF8,
  ],
];
/** Apache's HttpClient for Java says so of every text. In ASCII it is the same text as in UTF-8. */
const LATIN_1 = /^content-type\s*:.*\bcharset\s*=\s*"?iso-8859-1\b/i;

/**
 * @returns what the fields say; nothing where the body is no form
 * @throws {GatewayError} invalid_request for a form that parsers may read in different ways, and for more
 *   parts or models than a form has
 */
export function readForm(body: Bytes, contentType: string | null): Form {
  const form: Form = { model: null, asked: new Asked(), sharedFeatures: [] };
  if (body.length === 0 || contentType === null || !FORM.test(contentType)) return form;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let parts = 0;
  for (const part of partsOf(bytes, boundaryOf(contentType))) {
    if (++parts > MAX_PARTS) {
      throw new GatewayError("invalid_request", `the form has over ${MAX_PARTS} parts`);
    }
    readField(part, form);
  }
  form.asked.assertBounded();
  return form;
}

/**
 * Says of a form what it is: OpenAI's SDKs send one to `/videos`, where OpenRouter takes JSON. A form by
 * its header alone is none: curl calls so whatever it sends.
 *
 * @throws {GatewayError} invalid_request
 */
export function assertNoForm(body: Bytes, contentType: string | null, path: string): void {
  const type = ANY_FORM.exec(contentType ?? "")?.[1];
  if (type === undefined || body.length === 0 || looksLikeJson(body)) return;
  throw new GatewayError(
    "invalid_request",
    `the request body is a form (${type.toLowerCase()}): ${path} takes JSON`,
  );
}

function boundaryOf(contentType: string): string {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  const isOnly = contentType.match(/\bboundary[*\d\s]*=/gi)?.length === 1;
  if (boundary === undefined || !isOnly) {
    throw unclear("content-type does not tell its boundary once");
  }
  return boundary;
}

/** The parts, each with its headers. */
function* partsOf(bytes: Buffer, boundary: string): Generator<Buffer> {
  const dashed = Buffer.from(`--${boundary}`, "latin1");
  const isLineEnd = (at: number) => bytes[at] === CR && bytes[at + 1] === LF;
  let begin = 0;
  // Of line ends around a form nobody makes a part. form-data-encoder, which got and openai 4 have,
  // writes two behind it; others begin with those that belong to the boundary.
  while (isLineEnd(begin)) begin += 2;
  let end = begin + dashed.length;
  if (!bytes.subarray(begin, end).equals(dashed)) {
    throw unclear("it does not begin with its boundary");
  }
  while (isLineEnd(end)) {
    const start = end + 2;
    let at = bytes.indexOf(dashed, start);
    // Within a line it is none, to anybody.
    while (at !== -1 && bytes[at - 1] !== CR && bytes[at - 1] !== LF) {
      at = bytes.indexOf(dashed, at + 1);
    }
    if (at === -1 || !isLineEnd(at - 2)) throw unclear("a part of it has no end");
    yield bytes.subarray(start, at - 2);
    end = at + dashed.length;
  }
  const isLast = bytes.toString("latin1", end, end + 2) === "--";
  end += 2;
  while (isLineEnd(end)) end += 2;
  if (!isLast || end !== bytes.length) throw unclear("it does not end with its boundary");
}

function readField(part: Buffer, form: Form): void {
  const headersEnd = part.subarray(0, MAX_HEADERS_BYTES).indexOf("\r\n\r\n");
  if (headersEnd === -1) throw unclear("a part of it has no headers, or long ones");
  const headers = part.toString("latin1", 0, headersEnd).split("\r\n");
  const name = nameIn(headers);
  const value = part.subarray(headersEnd + 4);
  if (headers.some((header) => LATIN_1.test(header)) && value.some((byte) => byte > 0x7f)) {
    throw unclear(NOT_UTF8);
  }
  const text = value.length <= MAX_VALUE_BYTES ? value.toString("utf8") : null;
  if (name === "model" && text) form.model = text;
  const member = name.replace(/\[.*$/, "");
  if (meaningOf(member) === "models" && text) form.asked.model(text, () => name);
  const feature = featureOfField(member, text);
  if (feature !== null && form.sharedFeatures.every((found) => found.feature !== feature)) {
    form.sharedFeatures.push({ feature, param: name });
  }
}

/** The name of a field, by the headers of its part. */
function nameIn(headers: string[]): string {
  for (const [pattern, what] of UNCLEAR_HEADERS) {
    if (headers.some((header) => pattern.test(header))) throw unclear(what);
  }
  const dispositions = headers.filter((header) => /^content-disposition\s*:/i.test(header));
  const [, quoted, plain] = NAME.exec(dispositions[0] ?? "") ?? [];
  const name = quoted ?? plain;
  const isOnly = dispositions.length === 1 &&
    dispositions[0]!.match(/\bname[*\d\s]*=/gi)?.length === 1;
  if (name === undefined || !isOnly) throw unclear("a part of it does not tell its name once");
  return name;
}

function unclear(why: string): GatewayError {
  return new GatewayError(
    "invalid_request",
    `the form is refused because ${why}: servers differ in what they make of it`,
  );
}
