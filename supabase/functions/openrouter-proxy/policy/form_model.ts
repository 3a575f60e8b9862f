/**
 * The model that a form asks for: `/audio/transcriptions` takes multipart/form-data as well.
 *
 * Source: RFC 7578; RFC 2046, section 5.1.
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../bytes/encodings.ts";

const MAX_HEADERS_BYTES = 4096;
const MAX_MODEL_BYTES = 4096;
const BOUNDARY =
  /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^";,\s]{1,70}))/i;
const IS_MODEL = /^content-disposition:\s*form-data\s*;(?:[^\r\n]*;)?\s*name="?model"?\s*(?:;|$)/im;

/** @returns the field `model`, the last one of several; null: there is none, or the body is no form */
export function modelOfForm(body: Bytes, contentType: string | null): string | null {
  const [, quoted, plain] = BOUNDARY.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) return null;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = `\r\n--${boundary}`;
  let model: string | null = null;
  let at = bytes.indexOf(delimiter.slice(2));
  while (at !== -1) {
    const next = bytes.indexOf(delimiter, at + 1);
    if (next === -1) break;
    model = modelOfPart(bytes.subarray(at, next)) ?? model;
    at = next + 2;
  }
  return model;
}

/** @param part from its delimiter to before the line end of the next one */
function modelOfPart(part: Buffer): string | null {
  const headersEnd = part.subarray(0, MAX_HEADERS_BYTES).indexOf("\r\n\r\n");
  if (headersEnd === -1) return null;
  const headers = part.toString("latin1", 0, headersEnd);
  const value = part.subarray(headersEnd + 4);
  const isModel = IS_MODEL.test(headers) && value.length > 0 && value.length <= MAX_MODEL_BYTES;
  return isModel ? value.toString("utf8") : null;
}
