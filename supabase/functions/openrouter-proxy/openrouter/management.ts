/**
 * OpenRouter's management API, as the gateway uses it. Called with the management key, which proxied
 * calls never carry.
 *
 * Source: docs/openrouter.md, "Keys".
 */
import { type ListedKey, listKeys } from "./key_list.ts";
import { type Keys, keysAt } from "./keys.ts";
import {
  createManagementCall,
  dataOf,
  type ManagementCall,
  ManagementError,
} from "./management_call.ts";

export interface Management extends Keys {
  /** As `listKeys` of key_list.ts has them. @throws {ManagementError} */
  listKeys(): AsyncGenerator<ListedKey>;
  /**
   * Puts a key under a guardrail, in place of the one that it may have.
   *
   * @throws {ManagementError}
   */
  assignGuardrail(guardrailId: string, hash: string): Promise<void>;
  /**
   * What OpenRouter knows of a generation, whichever key of the account made it, with exact amounts of
   * money; null: it does not know it, or not yet, or takes the id for none.
   *
   * @throws {ManagementError}
   */
  generation(id: string): Promise<Record<string, unknown> | null>;
}

const AMOUNTS: ReadonlySet<string> = new Set(["total_cost", "upstream_inference_cost"]);
/** Names the variable, which is what an operator looks at when the guardrail is not there. */
const GUARDRAIL_ROUTE = "/guardrails/{OPENROUTER_GUARDRAIL_ID}/assignments/keys";

/**
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param workspaceId where keys are created and listed; null: in the account's default workspace
 * @param usdPerCredit OpenRouter counts limits in credits
 */
export function createManagement(
  openrouterUrl: string,
  managementKey: string,
  fetch: typeof globalThis.fetch,
  workspaceId: string | null,
  usdPerCredit = "1",
): Management {
  const manage = createManagementCall(openrouterUrl, managementKey, fetch);
  return {
    ...keysAt(manage, workspaceId, usdPerCredit),
    listKeys: () => listKeys(manage, workspaceId, usdPerCredit),
    assignGuardrail: (guardrailId, hash) => assignGuardrail(manage, guardrailId, hash),
    generation: (id) => generation(manage, id),
  };
}

/** Ids come from providers too, in whatever form: one that is refused keeps no other waiting. */
const NO_GENERATION: readonly (number | null)[] = [400, 410, 422];

async function generation(
  manage: ManagementCall,
  id: string,
): Promise<Record<string, unknown> | null> {
  try {
    return await dataOf(manage, `/generation?id=${encodeURIComponent(id)}`, {
      route: "/generation",
      exact: AMOUNTS,
    });
  } catch (error) {
    if (error instanceof ManagementError && NO_GENERATION.includes(error.status)) return null;
    throw error;
  }
}

async function assignGuardrail(manage: ManagementCall, guardrailId: string, hash: string) {
  const path = `/guardrails/${encodeURIComponent(guardrailId)}/assignments/keys`;
  const body = JSON.stringify({ key_hashes: [hash] });
  const answer = await manage("POST", path, { route: GUARDRAIL_ROUTE, body }) as {
    assigned_count?: unknown;
  } | null;
  if (answer?.assigned_count === 0) {
    throw new ManagementError(`OpenRouter assigned no key in POST ${GUARDRAIL_ROUTE}`, null);
  }
}
