/**
 * What knows Postgres: typed calls of the RPCs in supabase/migrations, by the part of supabase-js that
 * calls them; what every call asks for goes by fetch itself (rpc_by_fetch.ts). Each file of this folder
 * has the calls of one concern, as supabase/schemas does.
 *
 * Every method throws a GatewayError `store_unavailable` when Postgres or its API does not take
 * the call, so that whoever needs a decision fails closed.
 */
import { PostgrestClient } from "@supabase/postgrest-js";
import { accountCalls } from "./account.ts";
import { batchedCalls } from "./batched_calls.ts";
import { budgetAlertCalls } from "./budget_alerts.ts";
import { costComparisonCalls } from "./cost_comparison.ts";
import type { Database } from "../database.types.ts";
import { housekeepingCalls } from "./housekeeping.ts";
import { keyProvisioningCalls } from "./key_provisioning.ts";
import { lateCostCalls } from "./late_costs.ts";
import { lostCallCalls } from "./lost_calls.ts";
import { inTime, storeCall, StoreUnavailable } from "./rpc.ts";
import { rpcByFetch } from "./rpc_by_fetch.ts";
import { settlementCalls } from "./settlement.ts";
import { usageCalls } from "./usage.ts";

/** A JWT: its header's JSON, in base64url, begins with `{"`. */
const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]+$/;

export type Store = ReturnType<typeof createStore>;

/**
 * @param supabaseUrl the project's API, e.g. `https://<ref>.supabase.co`
 * @param secretKey a key with the role `service_role`
 * @param now milliseconds on any steady clock
 */
export function createStore(
  supabaseUrl: string,
  secretKey: string,
  fetch: typeof globalThis.fetch,
  now: () => number,
) {
  const url = `${supabaseUrl}/rest/v1`;
  const headers = apiKeyHeaders(secretKey);
  const client = new PostgrestClient<Database>(url, {
    headers,
    fetch,
    // By itself it asks three times more within seven seconds, or after whatever Retry-After says.
    retry: false,
  });
  const call = storeCall((name, args, signal) =>
    client.rpc(name, args as never).abortSignal(signal)
  );

  return {
    ...batchedCalls(storeCall(rpcByFetch(url, headers, fetch)), now),
    ...settlementCalls(call),
    ...keyProvisioningCalls(call),
    ...accountCalls(call),
    ...usageCalls(call),
    ...lateCostCalls(call),
    ...costComparisonCalls(call),
    ...lostCallCalls(call),
    ...budgetAlertCalls(call),
    ...housekeepingCalls(call),

    /** The envelope of a DID's key; null: it has none. */
    async encryptedKeyOf(did: string): Promise<string | null> {
      const { data, error } = await inTime((signal) =>
        client.from("user_api_keys").select("encrypted_api_key").eq("did", did).limit(1)
          .abortSignal(signal)
      );
      if (error) throw new StoreUnavailable(`user_api_keys: ${error.code} ${error.message}`, false);
      if (!Array.isArray(data)) throw new StoreUnavailable("user_api_keys: no rows", false);
      return data[0]?.encrypted_api_key ?? null;
    },

    /** Resolves when Postgres answers. */
    async ping(): Promise<void> {
      const { error } = await inTime((signal) =>
        client.from("gateway_settings").select("only_row").limit(1).abortSignal(signal)
      );
      if (error) throw new StoreUnavailable(`ping: ${error.code} ${error.message}`, false);
    },
  };
}

/**
 * The headers by which Supabase's API knows a key. The new keys are no JWTs: where one stands as a
 * Bearer token, the API refuses what it takes for a broken JWT.
 *
 * Source: supabase.com/docs/guides/api/api-keys
 */
function apiKeyHeaders(key: string): Record<string, string> {
  return JWT.test(key) ? { apikey: key, authorization: `Bearer ${key}` } : { apikey: key };
}
