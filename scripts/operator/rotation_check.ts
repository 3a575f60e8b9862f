/**
 * What must hold before the first stored key is sealed anew: a key that the gateway cannot open is a DID
 * that is locked out.
 *
 * The safe order is the gateway first: it opens with both keys, and seals with the new one. Then the
 * rows. Then, when none is left, the old key may go.
 */
import type { KeyIds } from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import type { Inventory } from "./rotation.ts";

/** What the command was given, and what was found. */
export interface RotationState {
  /** Of API_KEY_ENCRYPTION_KEY and API_KEY_ENCRYPTION_KEY_PREVIOUS, here. */
  here: KeyIds;
  /** What the gateway's workers have; null: it was not asked. */
  gateway: KeyIds[] | null;
  inventory: Inventory;
}

/** What is missing, a sentence each; none: the rotation may begin. */
export function whatIsMissing({ here, gateway, inventory }: RotationState): string[] {
  const missing = (gateway ?? []).map((there) => missingAt(there, here)).filter((text) =>
    text !== null
  );
  const { openable, unreadable } = inventory;
  if (openable > 0 || unreadable.length === 0) return [...new Set(missing)];

  const sealedWith = [...new Set(unreadable.map(({ keyId }) => keyId ?? "none"))].join(", ");
  const left = `${unreadable.length} keys are left, sealed with the key ${sealedWith}`;
  missing.push(
    here.previous === null
      ? `API_KEY_ENCRYPTION_KEY_PREVIOUS is not set here: ${left}`
      : `API_KEY_ENCRYPTION_KEY_PREVIOUS (key ${here.previous}) opens none of what is left: ${left}`,
  );
  return [...new Set(missing)];
}

/** Of one worker. */
function missingAt(there: KeyIds, here: KeyIds): string | null {
  if (there.current === here.current) return null;
  if (there.previous === here.current && there.current === here.previous) {
    return "API_KEY_ENCRYPTION_KEY and API_KEY_ENCRYPTION_KEY_PREVIOUS are the other way round in " +
      "the gateway: exchange them here";
  }
  if (there.previous === here.current) {
    return `the gateway seals with the key ${there.current}, which replaced the ` +
      `API_KEY_ENCRYPTION_KEY that is set here (key ${here.current})`;
  }
  return `the gateway does not have API_KEY_ENCRYPTION_KEY (key ${here.current}): it seals with the ` +
    `key ${there.current}. Set both keys as its variables and deploy it; workers of before go on for ` +
    "up to 400 s";
}
