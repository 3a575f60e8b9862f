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
    ["request.headers", JSON.stringify(Object.fromEntries(headers))],
    ["request.cookies", JSON.stringify(cookiesOf(headers))],
    ...readOnly ? [["transaction_read_only", "on"] satisfies [string, string]] : [],
  ];
  const calls = settings.map((_, index) =>
    `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, true)`
  );
  return { text: `select ${calls.join(", ")}`, values: settings.flat() };
}

function cookiesOf(headers: Headers): Record<string, string> {
  const cookies = headers.get("cookie")?.split(";") ?? [];
  return Object.fromEntries(cookies.map((cookie) => {
    const [name = "", ...value] = cookie.trim().split("=");
    return [name, value.join("=")];
  }));
}
