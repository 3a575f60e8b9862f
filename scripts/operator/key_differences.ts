/** What OpenRouter's keys and user_api_keys say differently. */
import { didOfKeyName } from "../../supabase/functions/openrouter-proxy/accounts/provision.ts";
import type { ListedKey } from "../../supabase/functions/openrouter-proxy/openrouter/key_list.ts";
import { hasExpired } from "../../supabase/functions/openrouter-proxy/openrouter/keys.ts";
import type { Management } from "../../supabase/functions/openrouter-proxy/openrouter/management.ts";
import type { KeyLimit } from "../../supabase/functions/openrouter-proxy/store/key_limit.ts";
import type { Sql } from "./database.ts";

/** How long an attempt to create a key may last: the lease of claim_key_provisioning. */
const LEASE_MS = 60_000;

/** A key of the gateway at OpenRouter that no account has. */
export interface UnusedKey {
  did: string;
  hash: string;
  name: string;
}

export interface KeyDifferences {
  /** How many keys of the gateway OpenRouter has. */
  listed: number;
  /** Keys that no account has and no attempt can still save. */
  orphans: UnusedKey[];
  /** Keys that an attempt may be about to save. */
  inProgress: UnusedKey[];
  /** Accounts whose key OpenRouter does not take any more. */
  missing: { did: string; hash: string; state: LostState }[];
  /** Keys whose limit at OpenRouter is not the one that key_limit_of says. */
  limits: { did: string; hash: string; atOpenRouter: KeyLimit; wanted: KeyLimit }[];
}

/** Why OpenRouter does not take an account's key. */
type LostState = "deleted" | "disabled" | "expired";

interface KeyWithDid extends ListedKey {
  /** Null: it is not named as the gateway names keys. */
  did: string | null;
  /** Whether the attempt that made it may still save it. */
  young: boolean;
  /** Null: OpenRouter takes it. */
  lost: LostState | null;
}

interface Row {
  account_did: string | null;
  account_hash: string;
  account_status: string;
  account_is_older: boolean;
  wanted_limit: string | null;
  wanted_reset: KeyLimit["creditLimitReset"];
  listed_hash: string | null;
  listed_did: string;
  listed_name: string;
  listed_lost: LostState | null;
  listed_limit: string | null;
  listed_reset: KeyLimit["creditLimitReset"];
  may_be_saved: boolean;
}

/**
 * Compares, and changes nothing. Keys that are not named as the gateway names them are not looked at.
 *
 * @throws {ManagementError}
 */
export async function findDifferences(
  sql: Sql,
  management: Pick<Management, "listKeys">,
): Promise<KeyDifferences> {
  // Before the list, so that an account made meanwhile is not missed in it; and by the clock of the
  // leases.
  const [clock] = await sql<{ started: Date }[]>`select clock_timestamp() as started`;
  const { started } = clock!;
  const listed: KeyWithDid[] = [];
  for await (const key of management.listKeys()) {
    const ageMs = started.getTime() - Date.parse(key.created_at);
    listed.push({
      ...key,
      did: didOfKeyName(key.name),
      young: !(ageMs >= LEASE_MS),
      lost: key.disabled
        ? "disabled"
        : hasExpired(key.expires_at, started.getTime())
        ? "expired"
        : null,
    });
  }
  const rows = await rowsThatDiffer(sql, listed, started);
  return { listed: listed.filter(({ did }) => did !== null).length, ...parted(rows) };
}

/** In one statement, so that no account is between its lease's end and its row. */
async function rowsThatDiffer(sql: Sql, listed: KeyWithDid[], started: Date): Promise<Row[]> {
  return await sql<Row[]>`
    with listed as (
      select * from jsonb_to_recordset(${sql.json(listed as never)}) as key (
        hash text, did text, name text, young boolean, lost text,
        "limit" text, limit_reset text
      )
    )
    select account.did as account_did,
      account.openrouter_key_hash as account_hash,
      account.status as account_status,
      account.created_at < ${started} as account_is_older,
      wanted.credit_limit::text as wanted_limit,
      wanted.credit_limit_reset as wanted_reset,
      listed.hash as listed_hash,
      listed.did as listed_did,
      listed.name as listed_name,
      listed.lost as listed_lost,
      listed."limit" as listed_limit,
      listed.limit_reset as listed_reset,
      listed.young or exists (
        select from public.key_provisioning as lease
        where lease.did = listed.did and lease.expires_at > clock_timestamp()
      ) as may_be_saved
    from public.user_api_keys as account
    full join listed on listed.hash = account.openrouter_key_hash
    left join public.did_policies as policy on policy.did = account.did
    cross join public.gateway_settings as settings
    cross join lateral public.key_limit_of(account, policy, settings) as wanted
    where (account.did is null and listed.did is not null)
      or (account.did is not null and (
        listed.hash is null
        or listed.lost is not null
        or wanted.credit_limit_reset is distinct from listed.limit_reset
        or (wanted.credit_limit is null) <> (listed."limit" is null)
        -- OpenRouter has it in credits, of which one may be no dollar, and as a binary float.
        or abs(listed."limit"::numeric - wanted.credit_limit) > wanted.credit_limit / 1e12
      ))
    order by coalesce(account.did, listed.did), listed.name`;
}

/** What each row is about. */
function parted(rows: readonly Row[]): Omit<KeyDifferences, "listed"> {
  const found: Omit<KeyDifferences, "listed"> = {
    orphans: [],
    inProgress: [],
    missing: [],
    limits: [],
  };
  for (const row of rows) {
    const { account_did: did, account_hash: hash } = row;
    if (did === null) {
      const key = { did: row.listed_did, hash: row.listed_hash!, name: row.listed_name };
      (row.may_be_saved ? found.inProgress : found.orphans).push(key);
    } else if (row.listed_hash === null || row.listed_lost !== null) {
      // An account that the operator has disabled needs no key.
      if (row.account_status === "disabled" || !row.account_is_older) continue;
      const state = row.listed_hash === null ? "deleted" : row.listed_lost!;
      found.missing.push({ did, hash, state });
    } else {
      found.limits.push({
        did,
        hash,
        atOpenRouter: { creditLimit: row.listed_limit, creditLimitReset: row.listed_reset },
        wanted: { creditLimit: row.wanted_limit, creditLimitReset: row.wanted_reset },
      });
    }
  }
  return found;
}
