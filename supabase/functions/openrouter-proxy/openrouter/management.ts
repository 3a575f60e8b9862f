/**
 * OpenRouter's management API, as the gateway uses it. Called with the management key, which proxied
 * calls never carry.
 *
 * Source: docs/openrouter.md, "Keys".
 */
import { type ListedKey, listKeys } from "./key_list.ts";
import { type Keys, keysAt } from "./keys.ts";
import { createManagementCall, type ManagementCall, ManagementError } from "./management_call.ts";
import { readGeneration } from "./told_costs.ts";

export interface Management extends Keys {
  /** As `listKeys` of key_list.ts has them. @throws {ManagementError} */
  listKeys(): AsyncGenerator<ListedKey>;
  /**
   * Puts a key under a guardrail, in place of the one that it may have.
   *
   * @throws {ManagementError}
   */
  assignGuardrail(guardrailId: string, hash: string): Promise<void>;
  /** As `readGeneration` of told_costs.ts has it. @throws {ManagementError} */
  generation(id: string): Promise<Record<string, unknown> | null>;
}

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
    generation: (id) => readGeneration(manage, id),
  };
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
