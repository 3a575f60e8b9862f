/**
 * What is found in a body, and what of it counts only once the kind of the object is known that it
 * stands in: a type may come last, and more than once.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import { Asked } from "./asked.ts";
import { IMAGE_TYPES } from "./members.ts";

/** What gateway_settings.shared_features may allow. */
export type SharedFeature =
  | "openrouter:files"
  | "openrouter:shell"
  | "openrouter:bash"
  | "container"
  | "file"
  | "preset"
  | "vector_store";

/** The same, and a shell by OpenAI's own names: which one that is, the models that the body names tell. */
export type FoundFeature = SharedFeature | "openai:shell";

export interface Finding<Feature = FoundFeature> {
  feature: Feature;
  /** Where it stands, e.g. `tools[1].container`. */
  param: string;
}

/** Who is told of what is found. */
export interface Report {
  /** What is asked for that costs. */
  readonly asked: Asked;
  /** @param where makes the finding's `param`; a body may have a million that nobody asks for */
  finding(feature: FoundFeature, where: () => string): void;
  /** What `previous_job_id` names. */
  jobId(id: string): void;
  /** A `previous_job_id` that is neither a text nor null. */
  noJobId(where: () => string): void;
}

/** Objects in some of whose members nothing counts. */
export interface Kind {
  /** All of their types, trimmed and in lower case, are like this. */
  readonly types: RegExp;
  /** Whether one without a type is of this kind. */
  readonly mayLackType: boolean;
}

/** `parameters` of these tools is the schema of the client's own function. */
export const CLIENTS_OWN_TOOL: Kind = { types: /^(?:function|custom)$/, mayLackType: true };
/** What a model calls a tool with is only told back. */
export const TOOL_CALL: Kind = { types: /(?:^|_)tool_use$/, mayLackType: false };
/** What a sandbox has made is only told back. */
export const SANDBOX_REPORT: Kind = { types: /code_execution_output$/, mayLackType: false };
/** Of the skills that a container has: those that the provider has made for everybody. */
export const PROVIDERS_OWN_SKILL: Kind = { types: /^anthropic$/, mayLackType: false };

const KINDS = [CLIENTS_OWN_TOOL, TOOL_CALL, SANDBOX_REPORT, PROVIDERS_OWN_SKILL];

/** What an object's types say of its kind: all of them, because parsers differ in which one holds. */
export class Types {
  /** They are not kept: a body may repeat its type a million times. */
  readonly #unlike = new Set<Kind>();
  /** Whether one is that of an image, or of something else. */
  hasImages = false;
  #hasOthers = false;

  /** @param type trimmed and in lower case */
  add(type: string): void {
    for (const kind of KINDS) {
      if (!this.#unlike.has(kind) && !kind.types.test(type)) this.#unlike.add(kind);
    }
    const isImage = IMAGE_TYPES.has(type);
    this.hasImages ||= isImage;
    this.#hasOthers ||= !isImage;
  }

  /** Whether the object is an image to every parser. */
  get areOfImages(): boolean {
    return this.hasImages && !this.#hasOthers;
  }

  /** Whether the object is of that kind to every parser. */
  areOf(kind: Kind): boolean {
    return !this.#unlike.has(kind);
  }
}

/** Keeps what is found until it is known whether it counts; of each feature the first. */
export class HeldFindings implements Report {
  readonly #features = new Map<FoundFeature, () => string>();
  readonly #jobIds = new Set<string>();
  #noJobId: (() => string) | null = null;
  #asked: Asked | null = null;

  get asked(): Asked {
    return this.#asked ??= new Asked();
  }

  finding(feature: FoundFeature, where: () => string): void {
    if (!this.#features.has(feature)) this.#features.set(feature, where);
  }

  jobId(id: string): void {
    this.#jobIds.add(id);
  }

  noJobId(where: () => string): void {
    this.#noJobId ??= where;
  }

  passTo(report: Report): void {
    for (const [feature, where] of this.#features) report.finding(feature, where);
    for (const id of this.#jobIds) report.jobId(id);
    if (this.#noJobId !== null) report.noJobId(this.#noJobId);
    if (this.#asked !== null) report.asked.add(this.#asked);
  }
}
