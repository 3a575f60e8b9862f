/** The embedded stack for a bench: no limit that a load would reach, and commits wait for the disk. */
import postgres from "postgres";
import { printEnvironment, stackEnvironment } from "../../stack/command.ts";
import { startStack } from "../../stack/start_stack.ts";

const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true, durable: true });
const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
await sql`
  select set_gateway_limits(
    daily_budget_usd => 1e6, monthly_budget_usd => 1e7, requests_per_minute => 1000000,
    default_daily_budget_usd => 1e5, default_monthly_budget_usd => 1e6,
    default_allowed_models => array['openai/*'],
    default_requests_per_minute => 1000000, default_concurrent_requests => 1000000,
    refused_requests_per_minute => 1000000
  )`;
await sql.end();

printEnvironment(stackEnvironment(stack));
console.log("ready");
Deno.addSignalListener("SIGTERM", async () => {
  await stack.stop();
  Deno.exit(0);
});
