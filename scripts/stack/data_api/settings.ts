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
  // Names and values in turns.
  const values = ["search_path", '"public", "extensions"'];
  // Before the role: authenticator may set some that the role may not.
  for (const [name, value] of roleSettings.get(role) ?? []) values.push(name, value);
  values.push(
    "role",
    role,
    "request.jwt.claims",
    JSON.stringify(claims),
    "request.method",
    method,
    "request.path",
    path,
    "request.headers",
    JSON.stringify(byName(headers)),
    "request.cookies",
    cookiesOf(headers),
  );
  if (readOnly) values.push("transaction_read_only", "on");
  const count = values.length / 2;
  return { id: `${count} settings`, text: () => textOf(count), values };
}

function textOf(count: number): string {
  const calls = Array.from(
    { length: count },
    (_, index) => `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, true)`,
  );
  // One column instead of as many as there are settings, which nobody reads.
  return `select pg_catalog.num_nulls(${calls.join(", ")})`;
}

/** Deno takes ten times as long to iterate over Headers as to look through them by `forEach`. */
function byName(headers: Headers): Record<string, string> {
  // Without a prototype, whose members a header may be called by.
  const values: Record<string, string> = Object.create(null);
  headers.forEach((value, name) => {
    values[name] = value;
  });
  return values;
}

/** As JSON. */
function cookiesOf(headers: Headers): string {
  const header = headers.get("cookie");
  if (header === null) return "{}";
  const pairs = header.split(";").map((cookie) => {
    const [name = "", ...value] = cookie.trim().split("=");
    return [name, value.join("=")];
  });
  return JSON.stringify(Object.fromEntries(pairs));
}
