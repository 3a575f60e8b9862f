/**
 * What OpenRouter tells afterwards of a call that it charged: of a generation, and of a job of `/videos`.
 * Amounts of money come as the strings that they were written as.
 *
 * Source: docs/openrouter.md, "GET /generation" and "Where usage sits, by endpoint".
 */
import {
  createManagementCall,
  dataOf,
  type ManagementCall,
  ManagementError,
} from "./management_call.ts";

/** Ids come from providers too, in whatever form: one that is refused keeps no other waiting. */
const NO_GENERATION: readonly (number | null)[] = [400, 410, 422];

/**
 * Asked with the management key, which reads what every key of the account made, also one that is
 * replaced or deleted by now.
 *
 * @returns null: OpenRouter does not know it, or not yet, or takes the id for none
 * @throws {ManagementError}
 */
export async function readGeneration(
  manage: ManagementCall,
  id: string,
): Promise<Record<string, unknown> | null> {
  try {
    return await dataOf(manage, `/generation?id=${encodeURIComponent(id)}`, {
      route: "/generation",
      exact: new Set(["total_cost", "upstream_inference_cost"]),
    });
  } catch (error) {
    if (error instanceof ManagementError && NO_GENERATION.includes(error.status)) return null;
    throw error;
  }
}

/**
 * A job belongs to the keys of a workspace: the management key, which makes no calls, does not read it.
 *
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param apiKey the key of the job's DID
 * @throws {ManagementError}
 */
export async function readJob(
  openrouterUrl: string,
  apiKey: string,
  fetch: typeof globalThis.fetch,
  id: string,
): Promise<unknown> {
  const call = createManagementCall(openrouterUrl, apiKey, fetch);
  return await call("GET", `/videos/${encodeURIComponent(id)}`, {
    route: "/videos/{id}",
    exact: new Set(["cost", "upstream_inference_cost"]),
  });
}
