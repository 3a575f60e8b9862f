/** Makes OpenRouter's keys what user_api_keys says. */
import type { Management } from "../../supabase/functions/openrouter-proxy/openrouter/management.ts";
import { ManagementError } from "../../supabase/functions/openrouter-proxy/openrouter/management_call.ts";
import type { KeyLimit } from "../../supabase/functions/openrouter-proxy/store/key_limit.ts";
import type { Sql } from "./database.ts";
import { findDifferences, type KeyDifferences, type UnusedKey } from "./key_differences.ts";

export interface ReconciliationOptions {
  /** Whether to delete orphans and set limits, instead of only showing them. */
  apply: boolean;
  /**
   * Where there are more orphans than this, nothing is changed. Null: as many as the keys that accounts
   * have. A database that knows fewer of a workspace's keys than it does not know is likely another
   * gateway's, or an empty one.
   */
  maxOrphans: number | null;
  print: (line: string) => void;
}

/** What became of one difference. */
type Outcome = "deleted" | "set" | "no longer needed" | { failed: string };

/**
 * Shows what differs, and puts right what can be.
 *
 * @returns what failed, in words; one key that OpenRouter refuses to change does not keep the others
 * @throws {ManagementError} when OpenRouter's keys cannot be listed
 */
export async function reconcileKeys(
  sql: Sql,
  management: Pick<Management, "listKeys" | "deleteKey" | "setLimit">,
  { apply, maxOrphans, print }: ReconciliationOptions,
): Promise<string[]> {
  const failures: string[] = [];

  const { listed, orphans, inProgress, missing, limits } = await findDifferences(sql, management);
  const known = listed - orphans.length - inProgress.length;
  const isTooMuch = orphans.length > (maxOrphans ?? known);
  const changes = apply && !isTooMuch;

  async function show(difference: string, putRight: () => Promise<Outcome>) {
    if (!changes) return print(difference);
    const outcome = await putRight();
    print(`${difference}: ${typeof outcome === "string" ? outcome : "failed"}`);
    if (typeof outcome === "object") failures.push(`${difference}: ${outcome.failed}`);
  }

  for (const { did, hash } of inProgress) print(`in progress: ${did}, key ${hash}`);
  for (const { did, hash, state } of missing) {
    print(`missing: ${did}, key ${hash} is ${state} at OpenRouter; its next request heals it`);
  }
  for (const key of orphans) {
    await show(`orphan: ${key.did}, key ${key.hash}`, () => deleteOrphan(sql, management, key));
  }
  for (const key of limits) {
    const { did, hash, atOpenRouter, wanted } = key;
    const change = `${words(atOpenRouter)} → ${words(wanted)}`;
    await show(`limit: ${did}, key ${hash}: ${change}`, () => setLimit(sql, management, key));
  }
  print(
    `${listed} keys at OpenRouter: ${orphans.length} orphans, ${inProgress.length} in progress, ` +
      `${missing.length} missing, ${limits.length} with another limit`,
  );
  if (orphans.length + limits.length === 0) print("nothing to do");
  else if (!apply) print("nothing was changed: --apply does");
  if (isTooMuch) {
    const doubt = tooMuch(orphans.length, known, maxOrphans);
    if (apply) failures.push(`nothing was changed: ${doubt}`);
    else print(doubt);
  }
  return failures;
}

/** Why as many orphans as that are not deleted by --apply alone. */
function tooMuch(orphans: number, known: number, maxOrphans: number | null): string {
  if (maxOrphans !== null) return `${orphans} orphans are more than --max-orphans ${maxOrphans}`;
  return `${orphans} orphans are more than the ${known} keys that the accounts of this database ` +
    "have. If these were another gateway's, all of its DIDs would lose their keys: look whether " +
    "DATABASE_URL and OPENROUTER_WORKSPACE_ID belong together. If they do: --apply --max-orphans " +
    orphans;
}

/** Deletes an orphan, unless it is in use by now. */
async function deleteOrphan(
  sql: Sql,
  management: Pick<Management, "deleteKey">,
  { did, hash }: UnusedKey,
): Promise<Outcome> {
  const [answer] = await sql<{ needed: boolean }[]>`
    select exists (select from public.user_api_keys where openrouter_key_hash = ${hash})
      or exists (
        select from public.key_provisioning where did = ${did} and expires_at > clock_timestamp()
      ) as needed`;
  if (answer!.needed) return "no longer needed";
  return await outcomeOf("deleted", () => management.deleteKey(hash));
}

/** Tells OpenRouter the limit that the account's key shall have now, and notes it as admit_request reads it. */
async function setLimit(
  sql: Sql,
  management: Pick<Management, "setLimit">,
  { did, hash }: KeyDifferences["limits"][number],
): Promise<Outcome> {
  const [wanted] = await sql<KeyLimit[]>`
    select wanted.credit_limit::text as "creditLimit",
      wanted.credit_limit_reset as "creditLimitReset"
    from public.user_api_keys as account
    left join public.did_policies as policy on policy.did = account.did
    cross join public.gateway_settings as settings
    cross join lateral public.key_limit_of(account, policy, settings) as wanted
    where account.openrouter_key_hash = ${hash}`;
  if (!wanted) return "no longer needed";
  return await outcomeOf("set", async () => {
    await management.setLimit(hash, wanted);
    await sql`
      select public.record_key_limit(
        ${did}, ${hash}, ${wanted.creditLimit}, ${wanted.creditLimitReset}
      )`;
  });
}

async function outcomeOf(done: Outcome, change: () => Promise<void>): Promise<Outcome> {
  try {
    await change();
    return done;
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    return { failed: error.message };
  }
}

function words({ creditLimit, creditLimitReset }: KeyLimit): string {
  return creditLimit === null ? "no limit" : `${creditLimit} USD ${creditLimitReset ?? "in all"}`;
}
