/** The identifiers of the one simulated account, which a gateway must not show to its users. */
import type { Key } from "./ledger.ts";

/** The person that all simulated keys belong to. */
export const USER_ID = "user_2dSimulatedAccount0000000";
export const ORGANIZATION_ID = "org_2dSimulatedOrganization000";

/**
 * A provider's answer as `metadata.raw` quotes it: JSON inside a string, with every identifier of
 * the operator in it.
 */
export function quotedIdentifiers(key: Key | null): string {
  return JSON.stringify({
    error: { message: "the provider refused" },
    user_id: USER_ID,
    organization_id: ORGANIZATION_ID,
    workspace_id: key?.workspaceId ?? null,
    key_hash: key?.hash ?? null,
  });
}
