/**
 * What the members of a body mean to whoever acts on it, by their names: one table.
 *
 * Source: docs/protocol.md, "Bodies"; docs/openrouter.md, "Prices".
 */
import { TIERS } from "./asked.ts";
import { OUTPUT_BOUNDS } from "./calls.ts";
import type { SharedFeature } from "./findings.ts";

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

const MEANINGS = {
  /** Nobody acts on it. */
  inert: [
    "annotations",
    "arguments",
    "citations",
    "excluded_models",
    "function",
    "functions",
    "input_examples",
    "input_schema",
    "json_schema",
    "metadata",
    "schema",
  ],
  reference: Object.keys(REFERENCES),
  models: ["model", "models", "fallbacks"],
  /** Its children have a role of that name. */
  part: ["container", "tools", "plugins", "prompt"],
  /** An image, or where one is. */
  image_url: ["image_url"],
  /** Of a part: what it is of, or where that is. */
  source: ["source"],
  /** Images, a sound, a film or a document, or where they are. */
  media: [
    "audio_url",
    "file_data",
    "file_url",
    "image",
    "images",
    "input_audio",
    "input_references",
    "mask",
    "video_url",
  ],
  /** What a fallback may set anew. */
  output: OUTPUT_BOUNDS,
  tier: TIERS,
  provider: ["provider"],
  mode: ["mode"],
  type: ["type"],
  id: ["id"],
  parameters: ["parameters"],
  input: ["input"],
  previous_job_id: ["previous_job_id"],
  /** What is marked, or set for the whole request, to be written to a cache. */
  cache_control: ["cache_control", "prompt_cache_breakpoint", "prompt_cache_options"],
  web_search_options: ["web_search_options"],
  mcp_servers: ["mcp_servers"],
  /** Within `provider`. */
  sort: ["sort"],
  providers: ["order", "only"],
  max_uses: ["max_uses"],
  max_results: ["max_results"],
  /** Of each result, or how large those are. */
  max_characters: ["max_characters"],
  search_context_size: ["search_context_size"],
  x_search: ["x_search"],
  /** The same, of a request whose web is searched. */
  x_search_filter: ["x_search_filter"],
  enabled: ["enabled"],
  /** Of a plugin: how it reads documents, and within that, what with. */
  pdf: ["pdf"],
  engine: ["engine"],
  /** Of a search of tools: whose it is. */
  execution: ["execution"],
  /** Tools that the model finds by such searches, of the whole request. */
  deferred_tools: ["deferred_tools"],
} as const;

export type Meaning = keyof typeof MEANINGS;

const BY_NAME: ReadonlyMap<string, Meaning> = new Map(
  Object.entries(MEANINGS).flatMap(([meaning, names]) =>
    names.map((name) => [name, meaning as Meaning] as const)
  ),
);
/** Those of tools that run other models: `judge_model`, `analysis_models`. */
const NAMES_MODELS = /_models?$/;

/** Null: none of its own. */
export function meaningOf(name: string): Meaning | null {
  return BY_NAME.get(name) ?? (NAMES_MODELS.test(name) ? "models" : null);
}

/** The types of objects that are an image, a sound, a film or a document, or say where one is. */
export const MEDIA_TYPES: ReadonlySet<string> = new Set([
  "audio",
  "audio_url",
  "computer_screenshot",
  "document",
  "file",
  "image",
  "image_url",
  "input_audio",
  "input_document",
  "input_file",
  "input_image",
  "input_video",
  "video",
  "video_url",
]);

/** Those of documents, and the members that hold one or say where it is. */
export const DOCUMENT_TYPES: ReadonlySet<string> = new Set([
  "document",
  "file",
  "input_document",
  "input_file",
]);
export const DOCUMENT_MEMBERS: ReadonlySet<string> = new Set(["file_data", "file_url"]);

/** Those of images, whose members say where that is. */
export const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "computer_screenshot",
  "image",
  "image_url",
  "input_image",
]);

/** What the children of a value are to whoever reads the body. */
export type Role =
  | "plain"
  | "tools"
  | "tool"
  /** Of a list in the place of a tool. */
  | "inner tool"
  | "plugins"
  | "model"
  | "container"
  | "prompt";

/** Of the items of a list; its own where nothing else is said. */
export const ROLE_OF_ITEMS: Partial<Record<Role, Role>> = { tools: "tool", tool: "inner tool" };
/** An object in one of these is a tool. */
export const TOOLS: ReadonlySet<Role> = new Set(["tools", "tool", "inner tool"]);
