/**
 * The embedded stack for a bench: its DIDs have their keys (`KEYS`: [{did, sealed}] as JSON), and no
 * limit that a load would reach. Commits wait for the disk, as on a server.
 */
import postgres from "postgres";
import { startStack } from "../../stack/start_stack.ts";

const keys: { did: string; sealed: string }[] = JSON.parse(Deno.env.get("KEYS")!);
const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true, durable: true });
const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
await sql`
  select set_gateway_limits(
    daily_budget_usd => 1e6, monthly_budget_usd => 1e7, requests_per_minute => 1000000,
    default_daily_budget_usd => 1e5, default_monthly_budget_usd => 1e6,
    default_requests_per_minute => 1000000, default_concurrent_requests => 1000000,
    refused_requests_per_minute => 1000000
  )`;
await sql`
  insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name,
    applied_credit_limit, applied_credit_limit_reset)
  select key ->> 'did', md5(key ->> 'did'), key ->> 'sealed', 'bench', 1e5, 'daily'
  from jsonb_array_elements(${sql.json(keys)}) as key`;
await sql.end();

console.log(`SUPABASE_URL=${stack.url}`);
console.log(`SUPABASE_SECRET_KEYS=${JSON.stringify(stack.secretKeys)}`);
console.log(`DATABASE_URL=${stack.databaseUrl}`);
console.log("ready");
Deno.addSignalListener("SIGTERM", async () => {
  await stack.stop();
  Deno.exit(0);
});
