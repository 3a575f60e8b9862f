/**
 * What a form asks for: `/audio/transcriptions` takes multipart/form-data as well. It is held against
 * the same rules as a JSON body.
 *
 * Source: RFC 7578; RFC 2046, section 5.1; docs/protocol.md, "Bodies".
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../bytes/encodings.ts";
import { Asked } from "./asked.ts";
import type { Finding } from "./findings.ts";
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

const MAX_HEADERS_BYTES = 4096;
const MAX_VALUE_BYTES = 4096;
const BOUNDARY =
  /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^";,\s]{1,70}))/i;
const NAME =
  /^content-disposition:\s*form-data\s*;(?:[^\r\n]*;)?\s*name=(?:"([^"\r\n]*)"|([^";\s]+))\s*(?:;|\r?$)/im;

/**
 * @returns what the fields say; nothing where the body is no form, or a broken one
 * @throws {GatewayError} invalid_request for more models than a form has
 */
export function readForm(body: Bytes, contentType: string | null): Form {
  const form: Form = { model: null, asked: new Asked(), sharedFeatures: [] };
  const [, quoted, plain] = BOUNDARY.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) return form;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = `\r\n--${boundary}`;
  let at = bytes.indexOf(delimiter.slice(2));
  while (at !== -1) {
    const next = bytes.indexOf(delimiter, at + 1);
    if (next === -1) break;
    readField(bytes.subarray(at, next), form);
    at = next + 2;
  }
  form.asked.assertBounded();
  return form;
}

/** @param part from its delimiter to before the line end of the next one */
function readField(part: Buffer, form: Form): void {
  const headersEnd = part.subarray(0, MAX_HEADERS_BYTES).indexOf("\r\n\r\n");
  if (headersEnd === -1) return;
  const [, quoted, plain] = NAME.exec(part.toString("latin1", 0, headersEnd)) ?? [];
  const name = quoted ?? plain;
  if (name === undefined) return;
  const value = part.subarray(headersEnd + 4);
  const text = value.length <= MAX_VALUE_BYTES ? value.toString("utf8") : null;
  if (name === "model" && text) form.model = text;
  const member = name.replace(/\[.*$/, "");
  if (meaningOf(member) === "models" && text) form.asked.model(text, () => name);
  const feature = featureOfField(member, text);
  if (feature !== null && form.sharedFeatures.every((found) => found.feature !== feature)) {
    form.sharedFeatures.push({ feature, param: name });
  }
}
