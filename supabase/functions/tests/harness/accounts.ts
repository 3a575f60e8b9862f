/** What tests do with the accounts of DIDs, at OpenRouter and in Postgres. */
import { reconcileKeys } from "../../../../scripts/operator/key_reconciliation.ts";
import { createManagement, type Management } from "../../openrouter-proxy/openrouter/management.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;

/** The keys of a DID that OpenRouter still takes. */
export function liveKeys({ openrouter }: World, did: string) {
  return openrouter.keysNamed(did).filter((key) => !key.deleted && !key.disabled);
}

/** OpenRouter's management, as the gateway calls it. */
export function managementOf({ openrouter }: Pick<World, "openrouter">): Management {
  return createManagement(openrouter.url, openrouter.managementKey, fetch, null);
}

/** The same an hour later, when nothing is in progress any more. */
function managementLater(world: Pick<World, "openrouter">): Management {
  const management = managementOf(world);
  return {
    ...management,
    async *listKeys() {
      for await (const key of management.listKeys()) {
        const created = new Date(Date.parse(key.created_at) - HOUR_MS);
        yield { ...key, created_at: created.toISOString() };
      }
    },
  };
}

/** `deno task reconcile keys --apply`, an hour later; gives what it printed. */
export async function reconcileLater(world: Pick<World, "db" | "openrouter">): Promise<string[]> {
  const printed: string[] = [];
  const failures = await reconcileKeys(world.db.sql, managementLater(world), {
    apply: true,
    maxOrphans: Infinity,
    print: (line) => printed.push(line),
  });
  return [...printed, ...failures];
}

/** Lets the lease of whoever is creating the DID's key expire: time, without waiting for it. */
export async function expireLease({ db }: World, did: string): Promise<void> {
  await db.sql`
    update public.key_provisioning set expires_at = clock_timestamp() - interval '1 second'
    where did = ${did}`;
}
