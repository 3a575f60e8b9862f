/**
 * Finds in a JSON body what reaches beyond the caller: things that all DIDs of the account share, and
 * jobs, which must be the caller's own.
 *
 * Whatever OpenRouter or a provider acts on is looked at, at any depth; what is only text to them is
 * not: a function's own schema and arguments, a tool call that a model wrote, metadata.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import type { JsonVisitor, Taking } from "../bytes/json_scanner.ts";
import { GatewayError } from "../errors.ts";

/** What gateway_settings.shared_features may allow. */
export type SharedFeature =
  | "openrouter:files"
  | "openrouter:shell"
  | "openrouter:bash"
  | "container"
  | "file"
  | "preset"
  | "vector_store";

export interface Finding {
  feature: SharedFeature;
  /** Where it stands, e.g. `tools[1].container`. */
  param: string;
}

/** OpenRouter's tools whose files and sandboxes have names that others can guess; versions too. */
const SHARED_TOOL = /^(openrouter:(?:files|shell|bash))(?![a-z])/;
/** Members that refer to what exists already, whatever they hold. */
const REFERENCES: Record<string, SharedFeature> = {
  file_id: "file",
  file_ids: "file",
  container_id: "container",
  vector_store_id: "vector_store",
  vector_store_ids: "vector_store",
  preset: "preset",
};
/** Members that name models: `model`, `models`, `fallbacks`, and those of tools that run others. */
const MODELS = /(?:^|_)models?$|^fallbacks$/;
/** Members that nobody acts on. */
const INERT = new Set([
  "annotations",
  "arguments",
  "citations",
  "function",
  "input_examples",
  "input_schema",
  "json_schema",
  "metadata",
  "schema",
]);
/** Of a tool of these types, `parameters` is the schema of the client's own function. */
const CLIENTS_OWN_TOOL = /^(?:function|custom)$/;
/** What a model calls a tool with is only told back. */
const TOOL_CALL = /(?:^|_)tool_use$/;
/** What a sandbox has made is only told back. */
const SANDBOX_REPORT = /code_execution_output$/;

/** A longer text is taken for one that refers to something. */
const MAX_TEXT_BYTES = 4096;
const PRESET = "@preset/";

/** What the children of a value are to whoever reads the body. */
type Role = "plain" | "tools" | "tool" | "model" | "container";

interface Conditional {
  finding: Finding;
  /** Whether it counts in an object of these types, which may come last. */
  holds(types: readonly string[]): boolean;
}

interface Report {
  finding(finding: Finding): void;
  jobId(id: string): void;
}

/** Looks at any value: into objects and arrays, and at texts that name something. */
export class Watch implements JsonVisitor {
  readonly scalar: Taking | undefined;
  /** All of an object's, because parsers differ in which of a repeated member holds. */
  #types: string[] | null = null;
  #conditional: Conditional[] | null = null;
  #items = 0;
  /** The last item's, which serves again if that was a scalar. */
  #lastItem: Watch | null = null;
  #hasBegun = false;

  constructor(
    private readonly parent: Watch | null,
    private key: string,
    private readonly report: Report,
    private readonly role: Role,
  ) {
    if (role === "model") this.scalar = this.#names("preset", (text) => text.includes(PRESET));
    if (role === "container") this.scalar = this.#names("container", (text) => text !== "");
  }

  begin(): void {
    this.#hasBegun = true;
  }

  item(): Watch {
    const key = `[${this.#items++}]`;
    if (this.#lastItem !== null && !this.#lastItem.#hasBegun) this.#lastItem.key = key;
    else {
      const role = this.role === "tools" ? "tool" : this.role === "tool" ? "plain" : this.role;
      this.#lastItem = new Watch(this, key, this.report, role);
    }
    return this.#lastItem;
  }

  member(name: string | null): JsonVisitor | null {
    if (name === null) return this.#below("…");
    if (INERT.has(name)) return null;
    if (name === "previous_job_id") return { take: this.#previousJob() };
    if (name === "type") return { scalar: takingText((type) => this.#typed(type)) };
    if (Object.hasOwn(REFERENCES, name)) return this.#reference(name, REFERENCES[name]!);
    if (name === "id" && this.role === "container") return this.#below(name, "container");
    if (name === "container") return this.#below(name, "container");
    if (name === "tools") return this.#below(name, "tools");
    if (MODELS.test(name)) return this.#below(name, "model");
    if (name === "parameters" && this.role === "tool") {
      return this.#belowIf(name, (types) => !types.every((type) => CLIENTS_OWN_TOOL.test(type)));
    }
    if (name === "input") {
      return this.#belowIf(name, (types) => !types.some((type) => TOOL_CALL.test(type)));
    }
    return this.#below(name);
  }

  end(): void {
    for (const { finding, holds } of this.#conditional ?? []) {
      if (holds(this.#types ?? [])) this.report.finding(finding);
    }
  }

  #below(name: string, role: Role = "plain"): Watch {
    return new Watch(this, name, this.report, role);
  }

  /** Looks below, and decides at the end of this object whether what is found there counts. */
  #belowIf(name: string, holds: Conditional["holds"]): Watch {
    const finding = (found: Finding) => (this.#conditional ??= []).push({ finding: found, holds });
    const report = { ...this.report, finding };
    return new Watch(this, name, report, "plain");
  }

  #reference(name: string, feature: SharedFeature): JsonVisitor {
    const holds: Conditional["holds"] = (types) => !types.some((type) => SANDBOX_REPORT.test(type));
    const take: Taking = {
      maxBytes: MAX_TEXT_BYTES,
      value: (json) => {
        const isNothing = json !== null && /^(?:null|""|\[\s*\])$/.test(textOf(json));
        if (!isNothing) {
          const finding = { feature, param: this.#path(name) };
          (this.#conditional ??= []).push({ finding, holds });
        }
        return null;
      },
    };
    return { take };
  }

  /** @throws {GatewayError} invalid_request for what is neither a text nor null */
  #previousJob(): Taking {
    return {
      maxBytes: MAX_TEXT_BYTES,
      value: (json) => {
        const id: unknown = json === null ? {} : JSON.parse(textOf(json));
        // Postgres holds no NUL.
        if (typeof id === "string" && !id.includes("\0")) this.report.jobId(id.toWellFormed());
        else if (id !== null) {
          throw new GatewayError("invalid_request", "previous_job_id must be the id of a job", {
            details: { param: this.#path("previous_job_id") },
          });
        }
        return null;
      },
    };
  }

  #typed(text: string | null): void {
    const type = (text ?? "").trim().toLowerCase();
    (this.#types ??= []).push(type);
    const tool = SHARED_TOOL.exec(type)?.[1];
    if (tool) this.report.finding({ feature: tool as SharedFeature, param: this.#path("type") });
  }

  #names(feature: SharedFeature, does: (text: string) => boolean): Taking {
    return takingText((text) => {
      if (text !== null && !does(text)) return;
      this.report.finding({ feature, param: this.#path() });
    });
  }

  /** As a client writes it: `tools[1].container`. */
  #path(name = ""): string {
    const own = this.parent === null ? "" : joined(this.parent.#path(), this.key);
    return name === "" ? own : joined(own, name);
  }
}

function joined(path: string, step: string): string {
  return path === "" || step.startsWith("[") ? path + step : `${path}.${step}`;
}

/** Takes strings; null: one that is too long. */
function takingText(use: (text: string | null) => void): Taking {
  return {
    maxBytes: MAX_TEXT_BYTES,
    value(json) {
      const value: unknown = json === null ? null : JSON.parse(textOf(json));
      if (json === null || typeof value === "string") use(value as string | null);
      return null;
    },
  };
}

function textOf(json: Uint8Array): string {
  return decoder.decode(json);
}

const decoder = new TextDecoder();

/** What one body reaches. */
export interface Reach {
  /** Looks at the body itself. */
  readonly visitor: Watch;
  /** The first of each feature, complete once the body has ended. */
  readonly sharedFeatures: readonly Finding[];
  /** What `previous_job_id` names, at any depth. */
  readonly previousJobIds: readonly string[];
}

export function searchReach(): Reach {
  const sharedFeatures: Finding[] = [];
  const previousJobIds: string[] = [];
  const visitor = new Watch(null, "", {
    finding(finding) {
      if (sharedFeatures.every(({ feature }) => feature !== finding.feature)) {
        sharedFeatures.push(finding);
      }
    },
    jobId: (id) => previousJobIds.push(id),
  }, "plain");
  return { visitor, sharedFeatures, previousJobIds };
}
