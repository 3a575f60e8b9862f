/** The database: its migrations, its limits, and the keys in it. */
import {
  createKeyVault,
  VaultError,
} from "../../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { readEncryptionKey } from "../../../supabase/functions/openrouter-proxy/config/encryption_key.ts";
import { PLACEHOLDER } from "../../seed/statements.ts";
import { describeDifference } from "../../stack/migrate.ts";
import { SUPABASE } from "../../stack/supabase_cli.ts";
import { bad, type Check, ok, unchecked } from "../check.ts";
import { push, startDatabase, whereFrom } from "../remedies.ts";

export const database: Check = {
  name: "database",
  looksAt: "there is a way to the database",
  remedyOfError: (patient) =>
    startDatabase(
      patient,
      "Look at DATABASE_URL (dashboard, Connect; in a password, # and @ are written %23\n" +
        `and %40), or, without it, log in: ${SUPABASE} login`,
    ),
  async look({ query, isLocal }) {
    if (query === null) {
      return unchecked(
        `DATABASE_URL is not set${isLocal ? `: ${whereFrom(isLocal)}` : ", nor --remote <ref>"}`,
      );
    }
    const [row] = await query("select current_setting('server_version') as version");
    return ok(`PostgreSQL ${row?.version}`);
  },
};

export const migrations: Check = {
  name: "migrations",
  looksAt: "the database is at this checkout's last migration",
  after: ["database"],
  remedyOfError: push,
  async look(patient) {
    const wanted = await patient.migrations();
    const rows = await patient.query!("select version from supabase_migrations.schema_migrations");
    const applied = rows.map(({ version }) => String(version));
    const missing = wanted.filter((version) => !applied.includes(version));
    if (missing.length > 0) {
      return bad(`${missing.length} are missing, the first is ${missing[0]}`, push(patient));
    }
    const difference = describeDifference(wanted, applied);
    if (difference === null) return ok(`${wanted.length}, the last is ${wanted.at(-1)}`);
    return bad(difference, "Use the checkout that the database was migrated by, or a newer one.");
  },
};

export const limits: Check = {
  name: "limits",
  looksAt: "all DIDs together have a budget, or only those that were allowed may call",
  after: ["migrations"],
  remedyOfError: push,
  async look({ query }) {
    const [row] = await query!(`
      select access_mode, daily_budget_usd::text as day, monthly_budget_usd::text as month
      from public.gateway_settings`);
    const { access_mode: mode, day, month } = row!;
    if (mode === "open" && day === null && month === null) {
      return bad(
        "anybody may make DIDs, and all of them together may spend without end",
        "select set_gateway_limits(daily_budget_usd => 5, monthly_budget_usd => 50);",
      );
    }
    const usd = (amount: unknown) => amount === null ? "no limit" : `$${amount}`;
    return ok(`all DIDs together: ${usd(day)} a day, ${usd(month)} a month; ${mode} to DIDs`);
  },
};

const SAMPLE = 20;

export const storedKeys: Check = {
  name: "stored keys",
  looksAt: "API_KEY_ENCRYPTION_KEY opens the DIDs' keys",
  after: ["migrations"],
  remedyOfError: push,
  async look({ query, variables }) {
    const key = readEncryptionKey(variables.API_KEY_ENCRYPTION_KEY ?? "");
    if (key === null) return unchecked("API_KEY_ENCRYPTION_KEY is not known here");
    const previous = readEncryptionKey(variables.API_KEY_ENCRYPTION_KEY_PREVIOUS ?? "");
    const vault = createKeyVault(key, previous);
    const rows = await query!(`
      select did, encrypted_api_key from public.user_api_keys
      where encrypted_api_key <> '${PLACEHOLDER}' -- a made-up account
      order by updated_at desc limit ${SAMPLE}`);
    let unreadable = 0;
    for (const { did, encrypted_api_key } of rows) {
      await vault.open(String(did), String(encrypted_api_key)).catch((error) => {
        if (!(error instanceof VaultError)) throw error;
        unreadable++;
      });
    }
    if (unreadable === 0) return ok(`opens all of the last ${rows.length}`);
    return bad(
      `does not open ${unreadable} of the last ${rows.length}`,
      "Find the key that was in use before and set it as API_KEY_ENCRYPTION_KEY_PREVIOUS;\n" +
        "then: deno task rotate-keys",
    );
  },
};
