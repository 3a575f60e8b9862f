/** The settings of one transaction: whose it is, and of which request. */
import type { Caller } from "./caller.ts";
import type { Statement } from "./statements.ts";

/** What functions and policies may ask for by `current_setting('request.…')`. */
export interface RequestSettings {
  method: string;
  /** Below /rest/v1, e.g. `/rpc/admit_request`. */
  path: string;
  headers: Headers;
  /** Whether the transaction may change nothing. */
  readOnly: boolean;
}

/** By role: the settings of `alter role … set …`, which only a login would apply. */
export type RoleSettings = Map<string, [name: string, value: string][]>;

/** One statement that sets them all until the transaction ends, in PostgREST's order. */
export function settingsStatement(
  { role, claims }: Caller,
  { method, path, headers, readOnly }: RequestSettings,
  roleSettings: RoleSettings,
): Statement {
  const settings: [name: string, value: string][] = [
    ["search_path", '"public", "extensions"'],
    // Before the role: authenticator may set some that the role may not.
    ...roleSettings.get(role) ?? [],
    ["role", role],
    ["request.jwt.claims", JSON.stringify(claims)],
    ["request.method", method],
    ["request.path", path],
    ["request.headers", JSON.stringify(byName(headers))],
    ["request.cookies", JSON.stringify(cookiesOf(headers))],
    ...readOnly ? [["transaction_read_only", "on"] satisfies [string, string]] : [],
  ];
  const calls = settings.map((_, index) =>
    `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, true)`
  );
  // One column instead of as many as there are settings, which nobody reads.
  return { text: `select pg_catalog.num_nulls(${calls.join(", ")})`, values: settings.flat() };
}

/** Deno takes ten times as long to iterate over Headers as to look through them by `forEach`. */
function byName(headers: Headers): Record<string, string> {
  const pairs: [name: string, value: string][] = [];
  headers.forEach((value, name) => pairs.push([name, value]));
  return Object.fromEntries(pairs);
}

function cookiesOf(headers: Headers): Record<string, string> {
  const cookies = headers.get("cookie")?.split(";") ?? [];
  return Object.fromEntries(cookies.map((cookie) => {
    const [name = "", ...value] = cookie.trim().split("=");
    return [name, value.join("=")];
  }));
}
