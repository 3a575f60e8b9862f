/** Books what calls cost whose gateway ended before it could learn that. */
import type { KeyVault } from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import {
  nothingObserved,
  observe,
  type Observed,
  observeGeneration,
  parseWithExactMoney,
} from "../../supabase/functions/openrouter-proxy/metering/usage.ts";
import type { Sql } from "./database.ts";

export interface CostOptions {
  /** OpenRouter's API without a trailing slash. */
  openrouterUrl: string;
  /** US dollars in one of OpenRouter's credits, a decimal string. */
  usdPerCredit: string;
  fetch: typeof globalThis.fetch;
  /** Whether to book what was found, instead of only showing it. */
  apply: boolean;
  print: (line: string) => void;
}

interface UnpricedRow {
  id: string;
  requestTime: string;
  did: string;
  endpoint: string;
  generationId: string;
  encryptedApiKey: string;
}

/**
 * Asks OpenRouter for the cost of each ended row of the last 30 days that has a generation's or a
 * job's id and no cost, with the key of its DID. The gateway itself asks for up to two minutes: rows
 * of the last five are left to it.
 *
 * @returns what failed, in words
 */
export async function reconcileCosts(
  sql: Sql,
  vault: Pick<KeyVault, "open">,
  { openrouterUrl, usdPerCredit, fetch, apply, print }: CostOptions,
): Promise<string[]> {
  const failures: string[] = [];
  const rows = await sql<UnpricedRow[]>`
    select log.id, log.request_time::text as "requestTime", log.did, log.endpoint,
      log.generation_id as "generationId", account.encrypted_api_key as "encryptedApiKey"
    from public.request_logs as log join public.user_api_keys as account using (did)
    where log.status <> 'pending' and log.total_cost is null and log.generation_id is not null
      and coalesce(log.http_status, 200) < 300
      and log.request_time between now() - interval '30 days' and now() - interval '5 minutes'
    order by log.request_time`;

  /** Null: OpenRouter does not know. */
  async function learn({ did, endpoint, generationId, encryptedApiKey }: UnpricedRow) {
    const id = encodeURIComponent(generationId);
    const isJob = endpoint === "/videos";
    const response = await fetch(
      openrouterUrl + (isJob ? `/videos/${id}` : `/generation?id=${id}`),
      {
        headers: { authorization: `Bearer ${await vault.open(did, encryptedApiKey)}` },
        redirect: "error",
      },
    );
    const text = await response.text();
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`OpenRouter answered with status ${response.status}`);
    const answer = parseWithExactMoney(text);
    const observed = nothingObserved();
    if (isJob) observe(observed, answer);
    else if (isObject(answer)) observeGeneration(observed, answer.data);
    return observed.cost === null ? null : observed;
  }

  /** False: somebody else has booked it meanwhile. */
  async function book({ id, requestTime }: UnpricedRow, observed: Observed): Promise<boolean> {
    const [booked] = await sql<{ settled: boolean }[]>`
      select (public.settle_request(
        p_request_id => id, p_request_time => request_time, p_status => status,
        p_http_status => http_status, p_error_message => error_message,
        p_model => coalesce(model, ${observed.model}),
        p_provider => coalesce(provider, ${observed.provider}),
        p_generation_id => generation_id,
        p_input_tokens => coalesce(${observed.inputTokens}::bigint, input_tokens),
        p_output_tokens => coalesce(${observed.outputTokens}::bigint, output_tokens),
        p_cached_tokens => coalesce(${observed.cachedTokens}::bigint, cached_tokens),
        p_reasoning_tokens => coalesce(${observed.reasoningTokens}::bigint, reasoning_tokens),
        p_cost => ${observed.cost}, p_upstream_cost => ${observed.upstreamCost},
        p_usd_per_credit => ${usdPerCredit}, p_cost_source => 'reconciliation',
        p_first_byte_ms => first_byte_ms,
        p_native_finish_reason => coalesce(native_finish_reason, ${observed.nativeFinishReason})
      ) ->> 'settled')::boolean as settled
      from public.request_logs
      where id = ${id} and request_time = ${requestTime}::text::timestamptz
        and total_cost is null`;
    return booked?.settled ?? false;
  }

  let priced = 0;
  for (const row of rows) {
    const what = `${row.id}, ${row.did}, ${row.generationId}`;
    try {
      const observed = await learn(row);
      if (observed === null) {
        print(`unknown: ${what}`);
        continue;
      }
      priced++;
      const outcome = !apply ? "" : await book(row, observed) ? ": booked" : ": no longer needed";
      print(`cost: ${what}: ${observed.cost} credits${outcome}`);
    } catch (error) {
      print(`failed: ${what}`);
      failures.push(`${what}: ${(error as Error).message}`);
    }
  }
  print(`${rows.length} rows without a cost: OpenRouter knows that of ${priced}`);
  if (priced > 0 && !apply) print("nothing was changed: --apply does");
  return failures;
}
