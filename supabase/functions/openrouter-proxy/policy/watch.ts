/**
 * Looks at the values of a JSON body that somebody acts on, and reports what counts.
 *
 * Whatever OpenRouter or a provider acts on is looked at, at any depth; what is only text to them is
 * not: a function's own schema and arguments, a tool call that a model wrote, metadata.
 *
 * `previous_response_id`, `conversation` and `item_reference` are left to OpenRouter, which stores no
 * responses and refuses them; ids of a model's earlier speech (`audio.id`) are nobody else's to guess.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import { textOf } from "../bytes/encodings.ts";
import type { JsonVisitor, Taking } from "../bytes/json_scanner.ts";
import {
  CLIENTS_OWN_TOOL,
  type Finding,
  HeldFindings,
  type Kind,
  PROVIDERS_OWN_SKILL,
  type Report,
  SANDBOX_REPORT,
  type SharedFeature,
  TOOL_CALL,
  Types,
} from "./findings.ts";

/** OpenRouter's tools whose files and sandboxes have names that others can guess; versions too. */
const SHARED_TOOL = /^(openrouter:(?:files|shell|bash))(?![a-z])/;
/** Members that refer to what exists already, whatever they hold. */
export const REFERENCES: Record<string, SharedFeature> = {
  file_id: "file",
  file_ids: "file",
  container_id: "container",
  vector_store_id: "vector_store",
  vector_store_ids: "vector_store",
  preset: "preset",
  // Skills are uploaded to the account like files, and run in the sandbox of whoever names them.
  skill_id: "file",
};
/** Members that name models: `model`, `models`, `fallbacks`, and those of tools that run others. */
export const MODELS = /(?:^|_)models?$|^fallbacks$/;
/** Members that nobody acts on. */
const INERT = new Set([
  "annotations",
  "arguments",
  "citations",
  "function",
  "functions",
  "input_examples",
  "input_schema",
  "json_schema",
  "metadata",
  "schema",
]);

/** A longer text is taken for one that refers to something. */
const MAX_TEXT_BYTES = 4096;
/** Asked of names that OpenRouter may or may not tell apart by their case. */
export const PRESET_NAME = /@preset\//i;
/** What the children of a value are to whoever reads the body. */
type Role = "plain" | "tools" | "tool" | "model" | "container" | "prompt";

/** Looks at any value: into objects and arrays, and at texts that name something. */
export class Watch implements JsonVisitor {
  readonly scalar: Taking | undefined;
  #types: Types | null = null;
  /** What counts only where this object is not of a kind, which its type may tell last. */
  #held: Map<Kind, HeldFindings> | null = null;
  #items = 0;
  /** The last item's, which serves again if that was a scalar that nobody looked at. */
  #lastItem: Watch | null = null;
  #hasBegun = false;

  constructor(
    private readonly parent: Watch | null,
    private key: string,
    private readonly report: Report,
    private readonly role: Role,
  ) {
    if (role === "model") this.scalar = this.#names("preset", (text) => PRESET_NAME.test(text));
    if (role === "container") this.scalar = this.#names("container", (text) => text !== "");
  }

  begin(): void {
    this.#hasBegun = true;
  }

  item(): Watch {
    const key = `[${this.#items++}]`;
    const last = this.#lastItem;
    if (last !== null && !last.#hasBegun && last.scalar === undefined) {
      last.key = key;
      return last;
    }
    const role = this.role === "tools" ? "tool" : this.role === "tool" ? "plain" : this.role;
    return this.#lastItem = new Watch(this, key, this.report, role);
  }

  member(name: string | null): JsonVisitor | null {
    if (name === null) return this.#below("…");
    if (INERT.has(name)) return null;
    if (name === "previous_job_id") return { take: this.#previousJob() };
    if (name === "type") return { scalar: takingText((type) => this.#typed(type)) };
    if (Object.hasOwn(REFERENCES, name)) return this.#reference(name, REFERENCES[name]!);
    if (name === "id" && this.role === "prompt") return this.#reference(name, "preset");
    if (name === "id" && this.role === "container") return this.#below(name, "container");
    if (name === "container" || name === "tools" || name === "prompt") {
      return this.#below(name, name);
    }
    if (MODELS.test(name)) return this.#below(name, "model");
    if (name === "parameters" && this.role === "tool") {
      return this.#below(name, "plain", this.#unless(CLIENTS_OWN_TOOL));
    }
    if (name === "input" && this.#isContent()) {
      return this.#below(name, "plain", this.#unless(TOOL_CALL));
    }
    return this.#below(name);
  }

  end(): void {
    for (const [kind, held] of this.#held ?? []) {
      if (!(this.#types?.areOf(kind) ?? kind.mayLackType)) held.passTo(this.report);
    }
  }

  #below(name: string, role: Role = "plain", report = this.report): Watch {
    return new Watch(this, name, report, role);
  }

  /** Where to report what counts only if this object turns out to be of another kind. */
  #unless(kind: Kind): Report {
    this.#held ??= new Map();
    const held = this.#held.get(kind) ?? new HeldFindings();
    this.#held.set(kind, held);
    return held;
  }

  #reference(name: string, feature: SharedFeature): JsonVisitor {
    const take: Taking = {
      maxBytes: MAX_TEXT_BYTES,
      value: (json) => {
        if (json !== null && /^(?:null|""|\[\s*\])$/.test(textOf(json))) return null;
        const report = name === "skill_id"
          ? this.#unless(PROVIDERS_OWN_SKILL)
          : name === "file_id" && this.#isContent()
          ? this.#unless(SANDBOX_REPORT)
          : this.report;
        report.finding(feature, () => this.#path(name));
        return null;
      },
    };
    return { take };
  }

  #previousJob(): Taking {
    return {
      maxBytes: MAX_TEXT_BYTES,
      value: (json) => {
        const id: unknown = json === null ? {} : JSON.parse(textOf(json));
        // Postgres holds no NUL.
        if (typeof id === "string" && !id.includes("\0")) this.report.jobId(id.toWellFormed());
        else if (id !== null) this.report.noJobId(() => this.#path("previous_job_id"));
        return null;
      },
    };
  }

  #typed(text: string | null): void {
    const type = (text ?? "").trim().toLowerCase();
    (this.#types ??= new Types()).add(type);
    const tool = SHARED_TOOL.exec(type)?.[1];
    if (tool) this.report.finding(tool as SharedFeature, () => this.#path("type"));
  }

  #names(feature: SharedFeature, does: (text: string) => boolean): Taking {
    return takingText((text) => {
      if (text !== null && !does(text)) return;
      this.report.finding(feature, () => this.#path());
    });
  }

  /** Whether this is content of a message, or one of the blocks of it. */
  #isContent(): boolean {
    return this.key === "content" || this.parent?.key === "content";
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
