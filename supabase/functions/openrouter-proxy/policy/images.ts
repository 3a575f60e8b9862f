/**
 * Images that a body holds itself: their size bounds what they cost. What lies elsewhere, or does not say
 * that it is an image, may be a document or a film to whoever reads it.
 *
 * Source: docs/protocol.md, "Budgets"; docs/openrouter.md, "Prices".
 */
import { textOf } from "../bytes/encodings.ts";
import type { Taking, TextTaking } from "../bytes/json_passage.ts";
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import { plain, scalarBeside, taking, wholeScalar } from "./takings.ts";

/** Bytes of the body; null: it is not certainly an image that the body holds. */
type Told = (bytes: number | null) => void;

/** What the members of one object that are for images hold. */
export class Images {
  /** Whether one of them is an `image_url`. */
  hasUrl = false;
  /** How many images the body holds, and their bytes of it. */
  count = 0;
  bytes = 0;
  #leadElsewhere = false;

  /** @param bytes as they are told */
  add(bytes: number | null): void {
    if (bytes === null) this.#leadElsewhere = true;
    else {
      this.count++;
      this.bytes += bytes;
    }
  }

  /** Whether the body holds all that they lead to. */
  get areHeld(): boolean {
    return this.count > 0 && !this.#leadElsewhere;
  }
}

/** One picture each: what else calls itself an image is a text (SVG), or has pages (TIFF). */
const FORMATS = "png|jpe?g|gif|webp|bmp|heic|heif|avif";
/** Of a JSON text, whose slashes may be escaped. */
const IMAGE_AS_URL = new RegExp(`^"data:image\\\\?/(?:${FORMATS})[;,]`, "i");
const IMAGE_TYPE = new RegExp(`^image/(?:${FORMATS})$`);
/** What tells whether a URL is an image. */
const HEAD_BYTES = 64;

/**
 * `image_url`, a text or an object with the member `url`.
 *
 * @param others looks at whatever else is in it
 * @param tell is called for each URL, and where there is none
 */
export function imageUrl(others: JsonVisitor, tell: Told): JsonVisitor {
  let isTold = false;
  const url = wholeScalar((json) => {
    isTold = true;
    const isImage = IMAGE_AS_URL.test(textOf(json.subarray(0, HEAD_BYTES)));
    tell(isImage ? json.length : null);
  });
  return {
    ...scalarBeside(others, url),
    member(name) {
      const looked = others.member?.(name) ?? null;
      return name === "url" ? scalarOnly(looked, url, () => tell(null)) : looked;
    },
    end(at, isEmpty) {
      if (!isTold) tell(null);
      others.end?.(at, isEmpty);
    },
  };
}

/**
 * `state` of `/systemone`: images are items of it, and all else in it is the client's own data.
 *
 * @param tell is called for each image that the body holds, with its bytes
 */
export function stateImages(tell: (bytes: number) => void): JsonVisitor {
  const image = imageUrl({}, (bytes) => bytes !== null && tell(bytes));
  const item: JsonVisitor = { member: (name) => name === "image_url" ? image : null };
  return { item: () => item };
}

/**
 * `source` of a part, by Anthropic's Messages: `{"type": "base64", "media_type": "image/png", "data": …}`.
 *
 * @param others as above
 * @param tell is called once, unless it is null
 */
export function imageSource(others: JsonVisitor, tell: Told): JsonVisitor {
  /** Each time that it is said; null: it is not said. */
  let isBase64: boolean | null = null;
  let isImage: boolean | null = null;
  let bytes: number | null = null;
  const readers: Record<string, (json: Uint8Array | null) => void> = {
    type: (json) => isBase64 = isBase64 !== false && shortText(json) === "base64",
    media_type: (json) => isImage = isImage !== false && IMAGE_TYPE.test(shortText(json)),
    data: (json) => json === null ? isBase64 = false : bytes = (bytes ?? 0) + json.length,
  };
  return {
    ...scalarBeside(others, taking((json) => json !== "null" && tell(null))),
    member(name) {
      const looked = others.member?.(name) ?? null;
      if (name === null || !Object.hasOwn(readers, name)) return looked;
      const read = readers[name]!;
      return scalarOnly(looked, both(wholeScalar(read), looked?.scalar), () => read(null));
    },
    end(at, isEmpty) {
      tell(isBase64 && isImage ? bytes : null);
      others.end?.(at, isEmpty);
    },
  };
}

/** @param isNone is called where the value is an object or an array, which the others look into */
function scalarOnly(
  others: JsonVisitor | null,
  scalar: Taking,
  isNone: () => void,
): JsonVisitor {
  return {
    ...scalarBeside(others ?? {}, scalar),
    begin(at, isObject) {
      isNone();
      others?.begin?.(at, isObject);
    },
  };
}

/** What a short string says, as types are compared; "" for anything else. */
function shortText(json: Uint8Array | null): string {
  if (json === null || json.length > HEAD_BYTES) return "";
  const value: unknown = JSON.parse(textOf(json));
  return typeof value === "string" ? plain(value) : "";
}

/** Gives a scalar to two who take it. */
function both(one: Taking, other: Taking | TextTaking | undefined): Taking {
  return wholeScalar((json) => {
    give(json, one);
    if (other !== undefined) give(json, other);
  });
}

function give(json: Uint8Array, taking: Taking | TextTaking): void {
  const isTooLarge = json.length > taking.maxBytes;
  if (taking.text === undefined) taking.value(isTooLarge ? null : json);
  else taking.text(isTooLarge ? null : textOf(json));
}
