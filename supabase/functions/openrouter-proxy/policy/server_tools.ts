/**
 * The tools and plugins that run at OpenRouter or at a provider: their spellings, what a use of each
 * costs, and whether it runs models.
 *
 * Source: docs/openrouter.md, "Prices"; docs/protocol.md, "Bodies".
 */
import { type AskedTool, USUAL_CHARACTERS, USUAL_RESULTS } from "./asked.ts";
import type { FoundFeature } from "./findings.ts";

/** OpenRouter lets a model go through this many steps. */
export const MAX_USES = 30;
/**
 * What is reserved for where a request bounds no uses. All the steps that a model may take would be more
 * than most budgets hold, and hardly any takes them.
 */
export const USUAL_USES = 5;

interface ServerToolKind {
  /** USD for one use; null: nobody knows. */
  readonly usdPerUse: string | null;
  /** The member that names the models it runs, which are others where it is missing; null: it runs none. */
  readonly modelMember: "model" | "analysis_models" | null;
  /** Whether gateway_settings.shared_features opens it, in place of allowed_server_tools. */
  readonly isShared: boolean;
  /** Whether it needs no leave: it bills nothing but the steps that it takes. */
  readonly isOpen: boolean;
}

const PLAIN: ServerToolKind = {
  usdPerUse: null,
  modelMember: null,
  isShared: false,
  isOpen: false,
};
const SHARED: ServerToolKind = { ...PLAIN, isShared: true };

/** By canonical name. Those that are neither shared nor open stand in set_gateway_limits, too. */
export const KINDS: Readonly<Record<string, ServerToolKind>> = {
  web_search: { ...PLAIN, usdPerUse: "0.015" },
  web_fetch: { ...PLAIN, usdPerUse: "0.001" },
  // Billed for each post and profile that it fetches.
  x_search: PLAIN,
  datetime: { ...PLAIN, usdPerUse: "0" },
  // It finds tools of the request, with any model.
  tool_search: { ...PLAIN, usdPerUse: "0", isOpen: true },
  // OpenRouter only looks at a patch; the model writes anew what is none.
  apply_patch: { ...PLAIN, usdPerUse: "0", isOpen: true },
  code_execution: PLAIN,
  mcp: PLAIN,
  "file-parser": PLAIN,
  fusion: { ...PLAIN, modelMember: "analysis_models" },
  files: SHARED,
  shell: SHARED,
  local_shell: SHARED,
  bash: SHARED,
  // It searches nothing but stores that exist.
  file_search: SHARED,
};
/** Of a tool that is not in the table it must be supposed that it runs models. */
const UNKNOWN_KIND: ServerToolKind = { ...PLAIN, modelMember: "model" };

/** @param name canonical */
export function serverToolKind(name: string): ServerToolKind {
  return Object.hasOwn(KINDS, name) ? KINDS[name]! : UNKNOWN_KIND;
}

const OPENROUTERS = /^openrouter:/;
/**
 * The types of the tools that the client itself runs, in the dialects of OpenAI and Anthropic. A
 * `namespace` (Codex) only groups tools: what it holds in its own `tools` is looked at like the others.
 */
const CLIENTS =
  /^(?:function|custom|bash_.*|text_editor_.*|computer(?:_.*)?|memory_.*|namespace|apply_patch)?$/;
/** Types of several spellings or versions. */
const SPELLINGS: readonly [RegExp, name: string][] = [
  [/^web_search(?:_preview.*|_\d.*)?$/, "web_search"],
  [/^web_fetch(?:_\d.*)?$/, "web_fetch"],
  [/^code_(?:interpreter|execution)(?:_\d.*)?$/, "code_execution"],
  [/^mcp(?:_toolset)?$/, "mcp"],
  [/^tool_search(?:_.*)?$/, "tool_search"],
];
const VERSION = /_\d{8}$/;
/**
 * OpenAI's own names for a shell, and the canonical one of both. With its own models OpenAI makes a sandbox for
 * the request, or the client runs it; with all others it is `openrouter:shell` by another name.
 */
const OPENAIS_SHELLS = /^(?:shell|local_shell)$/;
export const OPENAIS_SHELL = "local_shell";
/** By id; null: it costs nothing. */
const PLUGINS: Readonly<Record<string, string | null>> = {
  web: "web_search",
  "web-fetch": "web_fetch",
  "response-healing": null,
  "context-compression": null,
  moderation: null,
  // They bound what their routers choose from; which model runs is not known without them, either.
  "auto-router": null,
  "auto-beta-router": null,
  "pareto-router": null,
  "switchyard-router": null,
  "jev-router": null,
};
/** What reads a document without a price of its own; `file-parser` without a name may bill each page. */
const FREE_ENGINES: ReadonlySet<string> = new Set(["cloudflare-ai", "native", "pdf-text"]);
const MAX_NAME_LENGTH = 100;
/** The characters of each result, by `search_context_size`; of Exa, the engine that gives most. */
const CONTEXT_SIZES: Readonly<Record<string, number>> = {
  low: 5_000,
  medium: 15_000,
  high: 30_000,
};

/**
 * The canonical name of a tool, which gateway_settings.allowed_server_tools knows it by.
 *
 * @param type trimmed and in lower case
 * @returns null for a tool that the client itself runs
 */
function nameOfTool(type: string): string | null {
  if (CLIENTS.test(type)) return null;
  if (OPENAIS_SHELLS.test(type)) return OPENAIS_SHELL;
  const plain = type.replace(OPENROUTERS, "");
  const [, known] = SPELLINGS.find(([pattern]) => pattern.test(plain)) ?? [];
  return known ?? plain.replace(VERSION, "").slice(0, MAX_NAME_LENGTH);
}

/**
 * What a tool is found as whose files and sandboxes have names that others can guess.
 *
 * @param type as above
 * @returns null for any other
 */
export function guessableTool(type: string): FoundFeature | null {
  const name = nameOfTool(type);
  if (name === OPENAIS_SHELL) return "openai:shell";
  return name === "files" || name === "shell" || name === "bash" ? `openrouter:${name}` : null;
}

/** The same for a plugin. @returns null for one that costs nothing. @param id as `type` above */
function nameOfPlugin(id: string): string | null {
  const plain = id.replace(OPENROUTERS, "");
  return Object.hasOwn(PLUGINS, plain) ? PLUGINS[plain]! : plain.slice(0, MAX_NAME_LENGTH);
}

/**
 * What a plugin is found as that goes by the name of a shared tool: it needs the same leave.
 *
 * @param id as `type` above
 * @returns null for any other
 */
export function sharedPlugin(id: string): FoundFeature | null {
  const name = nameOfPlugin(id);
  if (name === null || !serverToolKind(name).isShared) return null;
  if (name === "file_search") return "vector_store";
  return name === "files" || name === "bash" ? `openrouter:${name}` : "openrouter:shell";
}

/** How many characters of a result it asks for. @param size `search_context_size`, as `type` above */
export function contextSize(size: string): number {
  return Object.hasOwn(CONTEXT_SIZES, size) ? CONTEXT_SIZES[size]! : 0;
}

/** What is known of one tool or plugin while its object is read. */
export class ServerTool {
  readonly #names = new Set<string>();
  #isPlugin = false;
  #maxUses: number | null = null;
  #results = 0;
  #characters = 0;
  #searchesX = false;
  #parsesForFree: boolean | null = null;
  #isClients: boolean | null = null;
  #isEnabled: boolean | null = null;
  readonly #modelMembers = new Set<string>();

  constructor(private readonly most: number) {}

  /** It may be repeated, and parsers differ in which one holds. @param type trimmed, in lower case */
  typed(type: string): void {
    this.#named(nameOfTool(type));
  }

  identified(id: string): void {
    this.#isPlugin = true;
    this.#named(nameOfPlugin(id));
  }

  #named(name: string | null): void {
    if (name !== null && this.#names.size < this.most) this.#names.add(name);
  }

  /** @param uses null: what bounds nothing */
  boundedBy(uses: number | null): void {
    this.#maxUses = Math.max(this.#maxUses ?? 0, uses ?? USUAL_USES);
  }

  /** It may be repeated. @param results of one search, at most; null or 0: as many as usual */
  finds(results: number | null): void {
    this.#results = Math.max(this.#results, results || USUAL_RESULTS);
  }

  /** It may be repeated. @param characters of one result, at most; null or 0: as many as usual */
  reads(characters: number | null): void {
    this.#characters = Math.max(this.#characters, characters || USUAL_CHARACTERS);
  }

  /** A search of the web that searches X, too. */
  searchesX(): void {
    this.#searchesX = true;
  }

  /** A search of tools may be the client's own. @param whose `execution`; as `type` of a tool */
  executedBy(whose: string): void {
    this.#isClients = this.#isClients !== false && whose === "client";
  }

  /** It may be repeated. @param engine that reads documents, as `type` of a tool; empty: none is named */
  parsedBy(engine: string): void {
    this.#parsesForFree = this.#parsesForFree !== false && FREE_ENGINES.has(engine);
  }

  /** It is off only if every parser says so. */
  enabled(isEnabled: boolean): void {
    this.#isEnabled = this.#isEnabled === true || isEnabled;
  }

  /** @param member that names it, or them */
  namesModel(member: string): void {
    if (this.#modelMembers.size < this.most) this.#modelMembers.add(member);
  }

  /** What it is asked for, once its object has ended; several for one whose type is repeated. */
  asked(): (Omit<AskedTool, "where"> & { name: string; runsUnnamed: boolean })[] {
    if (this.#isEnabled === false) return [];
    const names = new Set(this.#names);
    if (this.#searchesX && names.size > 0) names.add("x_search");
    if (this.#parsesForFree) names.delete("file-parser");
    if (this.#isClients) names.delete("tool_search");
    return [...names].map((name) => {
      const { modelMember } = serverToolKind(name);
      return {
        name,
        uses: this.#usesOf(name),
        results: this.#results,
        characters: this.#characters,
        runsUnnamed: modelMember !== null && !this.#modelMembers.has(modelMember),
      };
    });
  }

  #usesOf(name: string): number {
    if (name !== "web_search" && name !== "web_fetch") return USUAL_USES;
    // The plugin searches once before the model runs, unless a provider's own search takes its place.
    const usual = name === "web_search" && this.#isPlugin ? 1 : USUAL_USES;
    return Math.min(this.#maxUses ?? usual, MAX_USES);
  }
}
