/**
 * What all keys of a workspace share: files, containers, batches and presets. Any of its keys reads
 * and changes them, whichever key made them.
 *
 * Source: openrouter.md, "Keys"; shapes of files as in OpenRouter's guide "Files API".
 */
import { randomUUID } from "node:crypto";
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import type { Key, Ledger } from "./ledger.ts";

/** One thing: what is shown of it, and what `/content` answers. */
export interface SharedItem {
  shown: Record<string, unknown>;
  content?: { type: string; bytes: Uint8Array };
}

interface Collection {
  create: (call: Call) => Promise<Answer>;
  list: (call: Call) => Answer;
  read: (call: Call) => Answer;
  remove: (call: Call) => Answer;
}

/** A kind of thing, its items told apart by the member `id`, or by another one. */
function collection(
  kind: string,
  make: (body: Record<string, unknown>) => SharedItem | Promise<SharedItem>,
  member = "id",
): Collection {
  return {
    async create(call) {
      const { shown, ...rest } = await make(call.body);
      const item = { shown: { ...shown, created_at: new Date().toISOString() }, ...rest };
      itemsOf(kind, call).set(String(shown[member]), item);
      return json(item.shown);
    },
    list(call) {
      const data = [...itemsOf(kind, call).values()].map(({ shown }) => shown).reverse();
      return json({ data, has_more: false });
    },
    read: (call) => json(find(kind, call).shown),
    remove(call) {
      find(kind, call);
      itemsOf(kind, call).delete(call.parameter);
      return json({ [member]: call.parameter, deleted: true });
    },
  };
}

function itemsOf(kind: string, { key, ledger }: Call): Map<string, SharedItem> {
  if (key === null) throw new Error("what is shared is reached with an ordinary key");
  const of = `${key.workspaceId} ${kind}`;
  const items = ledger.shared.get(of) ?? new Map<string, SharedItem>();
  ledger.shared.set(of, items);
  return items;
}

function find(kind: string, call: Call): SharedItem {
  const item = itemsOf(kind, call).get(call.parameter);
  if (item === undefined) throw apiError(404, `No such ${kind}: ${call.parameter}`);
  return item;
}

/** `/files`: a form with `file`, or JSON {filename, content}. */
export const files = collection("file", async ({ file, filename, content }) => {
  const type = file instanceof File && file.type !== "" ? file.type : "text/plain";
  const bytes = file instanceof File
    ? new Uint8Array(await file.arrayBuffer())
    : new TextEncoder().encode(typeof content === "string" ? content : "");
  if (bytes.length === 0) throw apiError(400, "file is required and must not be empty");
  const shown = {
    id: newId("or_file_"),
    type: "file",
    filename: file instanceof File ? file.name : String(filename ?? "file.txt"),
    mime_type: type,
    size_bytes: bytes.length,
    downloadable: true,
  };
  return { shown, content: { type, bytes } };
});

/** `GET /files/:id/content`. */
export function fileContent(call: Call): Answer {
  const { content } = find("file", call);
  if (content === undefined) throw apiError(404);
  return { status: 200, headers: { "Content-Type": content.type }, body: content.bytes };
}

/** `/containers`. */
export const containers = collection("container", ({ name, file_ids }) => ({
  shown: {
    id: newId("cntr_"),
    object: "container",
    name: name ?? null,
    file_ids: file_ids ?? [],
    status: "running",
  },
}));

/** `/batches`. */
export const batches = collection("batch", ({ endpoint, input_file_id }) => {
  if (typeof input_file_id !== "string") throw apiError(400, "input_file_id is required");
  return {
    shown: { id: newId("batch_"), object: "batch", endpoint, input_file_id, status: "in_progress" },
  };
});

/** `POST /batches/:id/cancel`. */
export function cancelBatch(call: Call): Answer {
  const { shown } = find("batch", call);
  shown.status = "cancelled";
  return json(shown);
}

/** `/presets`, by their slugs. */
export const presets = collection("preset", ({ slug, name, config }) => {
  if (typeof slug !== "string" || slug === "") throw apiError(400, "slug is required");
  return { shown: { id: randomUUID(), slug, name: name ?? slug, config: config ?? {} } };
}, "slug");

/** The model that a preset of the key's workspace names; empty where there is none. */
export function presetModel(slug: string, { workspaceId }: Key, ledger: Ledger): string {
  const preset = ledger.shared.get(`${workspaceId} preset`)?.get(slug);
  return String(Object(preset?.shown.config).model ?? "");
}

function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll("-", "");
}
