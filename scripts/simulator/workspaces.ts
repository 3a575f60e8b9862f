/**
 * The account's two workspaces. Every key belongs to one, for good.
 *
 * Source: openrouter.md, "Keys".
 */
import { type Answer, json } from "./answer.ts";
import { apiError } from "./errors.ts";

export const DEFAULT_WORKSPACE_ID = "0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d";
/** A workspace whose keys `GET /keys` does not list unless it is asked for them. */
export const OTHER_WORKSPACE_ID = "7c1d2e3f-4a5b-4c6d-9e8f-0a1b2c3d4e5f";

const WORKSPACES = [
  { id: DEFAULT_WORKSPACE_ID, name: "Default Workspace", slug: "default" },
  { id: OTHER_WORKSPACE_ID, name: "Production", slug: "production" },
];

/** `GET /workspaces`, for the management key. */
export function listWorkspaces(): Answer {
  return json({ data: WORKSPACES, total_count: WORKSPACES.length });
}

/**
 * The workspace that a request names, or the default one where it names none.
 *
 * @throws {ApiError} 400 for one that the account does not have
 */
export function workspaceOf(id: unknown): string {
  if (id === undefined || id === null) return DEFAULT_WORKSPACE_ID;
  const workspace = WORKSPACES.find((known) => known.id === id);
  if (workspace === undefined) throw apiError(400, "Workspace not found");
  return workspace.id;
}
