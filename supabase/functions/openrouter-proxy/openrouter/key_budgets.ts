/**
 * The budgets that `GET /key` tells of. Those that count its key alone are its DID's; all others count
 * what every key of the account, of its workspace or of its creator has spent.
 *
 * Source: docs/openrouter.md, "Endpoints"; docs/protocol.md, "Redaction".
 */
import { isObject, textOf, utf8 } from "../bytes/encodings.ts";

/** The members that tell of them. */
export const KEY_BUDGETS: ReadonlySet<string> = new Set(["budgets", "effective_budget"]);

const OF_THE_KEY = new Set<unknown>(["workspace_default_key", "api_key", "key_limit"]);
/** What makes a budget of an item: each of them alone would tell something. */
const AMOUNTS = ["limit_usd", "spend_usd", "remaining_usd"];

/**
 * Leaves out the account's.
 *
 * @param json the value of one of these members
 * @param keepsLength whether as many bytes must come out
 */
export function ownBudgets(json: Uint8Array, keepsLength: boolean): Uint8Array {
  const value: unknown = JSON.parse(textOf(json));
  const items = Array.isArray(value) ? value : [value];
  const own = items.filter((item) => !isAccounts(item));
  if (own.length === items.length) return json;
  const text = JSON.stringify(Array.isArray(value) ? own : null);
  return utf8(keepsLength ? text.padEnd(json.length) : text);
}

function isAccounts(item: unknown): boolean {
  return isObject(item) && AMOUNTS.some((name) => name in item) && !OF_THE_KEY.has(item.scope);
}
