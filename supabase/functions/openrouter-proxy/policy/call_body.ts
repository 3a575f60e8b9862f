/**
 * What the gateway reads of a request's JSON body.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import type { Bytes } from "../bytes/encodings.ts";
import type { TextTaking } from "../bytes/json_passage.ts";
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import { GatewayError } from "../errors.ts";
import type { Members, Presence } from "./additions.ts";
import type { Asked } from "./asked.ts";
import { Bounds } from "./bounds.ts";
import type { CallEndpoint } from "./calls.ts";
import type { Finding } from "./findings.ts";
import { stateImages } from "./images.ts";
import { assertUtf8, looksLikeJson, scan, type TextSize } from "./json_text.ts";
import { Reach } from "./shared_features.ts";
import { MAX_SCALAR_BYTES, MAX_TEXT_BYTES, taking, takingText } from "./takings.ts";
import type { Watch } from "./watch.ts";

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
  /** What is asked for that costs. */
  readonly asked: Asked;
  readonly bounds: Bounds;
  /** Whether it names a model to every parser, in `model` or in `models`. */
  readonly namesModel: boolean;
  readonly text: TextSize;
  /** The members that the gateway may have to add to. */
  readonly members: Members;
  /** `session_id`, where it is a string; null: there is none. */
  readonly sessionId: string | null;
}

/**
 * Reads the body of a request.
 *
 * @param endpoint.body `json`: it must be a JSON object; `any`: it is read where it is JSON
 * @returns null for a body that is no JSON, and need not be
 * @throws {GatewayError} invalid_request when the body is no JSON object in UTF-8, or nested too deeply;
 *   or names too many models or tools; request_too_large when it has too many values
 */
export function readCallBody(
  body: Bytes,
  { body: kind, data }: Pick<CallEndpoint, "body" | "data">,
): CallBody | null {
  if (kind === "any" && !looksLikeJson(body)) return null;
  const nonAsciiBytes = assertUtf8(body);
  const reading = new BodyReading(data);
  const { unicodeEscapes, numbers } = scan(body, reading);
  if (kind === "json" && !reading.isObject) {
    throw new GatewayError("invalid_request", "the request body must be a JSON object");
  }
  reading.asked.assertBounded();
  reading.text = { bytes: body.length, nonAsciiBytes, unicodeEscapes, numbers };
  return reading;
}

/** In the place of a `session_id` that was too long to be read. */
const TOO_LONG = "…".repeat(MAX_TEXT_BYTES);

/** The body's own `model`, of which there may be several: what it names is booked, and must be no preset. */
class OwnModel implements JsonVisitor, TextTaking {
  readonly scalar = this;
  readonly maxBytes = MAX_TEXT_BYTES;
  /** That of the last one; null: it is no string. */
  name: string | null = null;
  /** Whether one of them names none. */
  hasOther = false;
  /** Looks into the present one, where it is an object or a list. */
  #inside: Watch | null = null;

  /** @param body looks at the body itself */
  constructor(private readonly body: Watch) {}

  /** The next one. */
  again(): this {
    this.name = null;
    return this;
  }

  begin(): void {
    this.hasOther = true;
    this.#inside = this.body.member("model") as Watch;
    this.#inside.begin();
  }

  item(): JsonVisitor | null {
    return this.#inside!.item();
  }

  member(name: string | null): JsonVisitor | null {
    return this.#inside!.member(name);
  }

  end(): void {
    this.#inside!.end();
  }

  text(json: string | null): void {
    const value: unknown = json === null ? null : JSON.parse(json);
    if (typeof value === "string") this.name = value;
    if (!this.name) this.hasOther = true;
    if (json !== null && typeof value !== "string") return;
    this.body.modelNamed(value as string | null, "model");
  }
}

/** The body's own `stream`. */
class OwnStream implements JsonVisitor, TextTaking {
  readonly scalar = this;
  readonly maxBytes = MAX_SCALAR_BYTES;
  isTrue = false;

  text(json: string | null): void {
    this.isTrue = json === "true";
  }
}

class BodyReading implements CallBody, JsonVisitor {
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
  readonly #data: readonly string[];
  readonly #reach = new Reach();
  readonly asked = this.#reach.asked;
  readonly bounds = new Bounds(this.asked);
  /** Set once the body has been read. */
  text!: TextSize;
  sessionId: string | null = null;
  readonly #model = new OwnModel(this.#reach.visitor);
  #stream: OwnStream | null = null;
  #lists = 0;

  constructor(data: readonly string[]) {
    this.#data = data;
  }

  get sharedFeatures(): readonly Finding[] {
    return this.#reach.sharedFeatures;
  }

  get previousJobIds(): ReadonlySet<string> {
    return this.#reach.previousJobIds;
  }

  get model(): string | null {
    return this.#model.name;
  }

  get streaming(): boolean {
    return this.#stream?.isTrue ?? false;
  }

  get namesModel(): boolean {
    if (this.#model.name) return !this.#model.hasOther;
    return this.#lists === 1 && this.asked.listsModels;
  }

  begin(at: number, isObject: boolean): void {
    this.isObject = isObject;
    this.members.body.start = at + 1;
  }

  end(at: number, isEmpty: boolean): void {
    this.members.body.end = at;
    this.members.body.isEmpty = isEmpty;
    this.#reach.visitor.end();
  }

  item(): JsonVisitor {
    return this.#reach.visitor.item();
  }

  member(name: string | null): JsonVisitor | null {
    const { members } = this;
    switch (name) {
      case "model":
        return this.#model.again();
      case "stream":
        return this.#stream = new OwnStream();
      case "usage":
        members.hasUsage = true;
        return null;
      case "user":
      case "safety_identifier":
        return this.#presence(name);
      case "metadata":
        return this.#metadata();
      case "trace":
        return null;
      case "session_id":
        return this.#session();
      case "provider":
        return this.bounds.provider(this.#reach.visitor.member(name)!);
      case "prompt":
        return this.bounds.prompt(this.#reach.visitor.member(name)!);
      case "documents":
        return this.bounds.documents(this.#reach.visitor.member(name)!);
      case "query":
        return this.bounds.query(this.#reach.visitor.member(name)!);
      case "stop_server_tools_when":
        return this.bounds.stops(this.#reach.visitor.member(name)!);
      case "models":
        this.#lists++;
        // falls through
      case "tools":
      case "plugins":
      case "web_search_options":
      case "fallbacks":
        this.asksForMore = true;
        return this.#reach.visitor.member(name);
      default:
        if (name !== null && this.#data.includes(name)) return this.#ownData(name);
        return this.bounds.member(name) ?? this.#reach.visitor.member(name);
    }
  }

  /** What holds the client's own data; of it, images alone are more than text. */
  #ownData(name: string): JsonVisitor | null {
    return name === "state" ? stateImages((bytes) => this.asked.image(bytes)) : null;
  }

  #session(): JsonVisitor {
    this.sessionId = null;
    return { scalar: takingText((text) => this.sessionId = text ?? TOO_LONG) };
  }

  #presence(name: "user" | "safety_identifier"): JsonVisitor {
    const { members } = this;
    return presence((found) => members[name] = found);
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

function presence(use: (presence: Presence) => void): JsonVisitor {
  return {
    begin: () => use("present"),
    scalar: taking((json) => use(json === "null" || json === '""' ? "empty" : "present")),
  };
}
