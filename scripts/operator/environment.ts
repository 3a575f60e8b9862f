/** What the operator's commands read from their environment. */
import { encryptionKey } from "../../supabase/functions/openrouter-proxy/config/encryption_key.ts";
import {
  headerValue,
  httpUrl,
  managementKey,
  openrouterId,
  positiveDecimal,
  Unusable,
} from "../../supabase/functions/openrouter-proxy/config/readings.ts";
import { readSecretKeys } from "../../supabase/functions/openrouter-proxy/config/secret_keys.ts";
import { UsageError } from "../command.ts";

type Get = (name: string) => string | undefined;

interface Variable<T> {
  what: string;
  /**
   * @param value undefined when the variable is not set
   * @param other what another variable holds, for one that may stand in
   */
  read(value: string | undefined, other: Get): T | Unusable;
}

const SECRET_KEYS_RULE = 'must be a secret key, or JSON of the shape {"default":"sb_secret_…"}';
const NOT_SET = new Unusable("is not set");

/** @param where a hosted project has it */
function notSet(where: string): Unusable {
  return new Unusable(`is not set (${where}; for a local one, source what deno task dev prints)`);
}

/** Fetch takes no user name or password in a URL, and errors may name it. */
function serviceUrl(value: string): string | Unusable {
  const url = httpUrl(value);
  if (typeof url !== "string") return url;
  const { username, password } = new URL(url);
  return username + password === "" ? url : new Unusable("must have no user name or password");
}

/**
 * A URL as the client of Postgres reads it. What is not percent-encoded cuts it in the wrong place:
 * the rest would be taken for a host, a port or a database.
 */
function databaseUrl(value: string): string | Unusable {
  if (!/^postgres(ql)?:\/\//.test(value)) {
    return new Unusable("must be a URL that begins with postgres://");
  }
  if (/\[YOUR-PASSWORD\]/i.test(value)) {
    return new Unusable("has no password yet: put the database's in place of [YOUR-PASSWORD]");
  }
  const unencoded = new Unusable(
    "must be a URL such as postgres://user:password@host:5432/postgres; " +
      "percent-encode what is special in the password: # as %23, / as %2F, ? as %3F, @ as %40, " +
      "% as %25",
  );
  if (!URL.canParse(value)) return unencoded;
  const { hostname, username, password, pathname, search, hash } = new URL(value);
  if (hostname === "" || hash !== "" || `${pathname}${search}`.includes("@")) return unencoded;
  try {
    decodeURIComponent(username + password);
  } catch {
    return unencoded;
  }
  return value.replace(/\/+$/, "");
}

/** A secret key of the project, which goes into a header. */
function secretKey(value: string | undefined, other: Get) {
  const key = givenSecretKey(value, other);
  return typeof key === "string" ? headerValue(key) : key;
}

/** The variable has one alone, or JSON as the function has it. */
function givenSecretKey(value: string | undefined, other: Get) {
  if (value !== undefined && !value.startsWith("{")) return value;
  const legacy = other("SUPABASE_SERVICE_ROLE_KEY");
  if (value === undefined) {
    return legacy ?? notSet("the project's dashboard has a secret key under API Keys");
  }
  const keys = readSecretKeys({ keys: value, legacy });
  return typeof keys === "string" ? new Unusable(SECRET_KEYS_RULE) : keys[0]!;
}

/** Every variable, what it is, and how it is read. */
const VARIABLES = {
  DATABASE_URL: {
    what: "Postgres, with the project's role postgres",
    read: (value) =>
      value === undefined
        ? notSet(
          "the project's dashboard has it under Connect; add the database's password",
        )
        : databaseUrl(value),
  } satisfies Variable<string>,
  GATEWAY_URL: {
    what: "the function, e.g. https://<ref>.supabase.co/functions/v1/openrouter-proxy",
    read: (value) =>
      value === undefined
        ? notSet("it is https://<ref>.supabase.co/functions/v1/openrouter-proxy")
        : serviceUrl(value),
  } satisfies Variable<string>,
  SUPABASE_SECRET_KEYS: {
    what: "a secret key of the project, or the function's variable of that name; " +
      "without one, SUPABASE_SERVICE_ROLE_KEY is used",
    read: secretKey,
  } satisfies Variable<string>,
  API_KEY_ENCRYPTION_KEY: {
    what: "the gateway's encryption key",
    read: (value) => value === undefined ? NOT_SET : encryptionKey(value),
  } satisfies Variable<unknown>,
  API_KEY_ENCRYPTION_KEY_PREVIOUS: {
    what: "the key that it replaced; optional",
    read: (value) => value === undefined ? null : encryptionKey(value),
  } satisfies Variable<unknown>,
  OPENROUTER_API_URL: {
    what: "by default https://openrouter.ai/api/v1",
    read: (value = "https://openrouter.ai/api/v1") => serviceUrl(value),
  } satisfies Variable<string>,
  OPENROUTER_PROVISIONING_KEY: {
    what: "the gateway's management key at OpenRouter",
    read: (value) => value === undefined ? NOT_SET : managementKey(value),
  } satisfies Variable<string>,
  OPENROUTER_WORKSPACE_ID: {
    what: "the workspace that the gateway's keys are in; optional",
    read: (value) => value === undefined ? null : openrouterId(value),
  } satisfies Variable<string | null>,
  OPENROUTER_USD_PER_CREDIT: {
    what: "as the function has it; by default 1",
    read: (value = "1") => positiveDecimal(value),
  } satisfies Variable<string>,
};

type Name = keyof typeof VARIABLES;
type Values = { [N in Name]: Exclude<ReturnType<typeof VARIABLES[N]["read"]>, Unusable> };

/**
 * Reads these variables.
 *
 * @throws {UsageError} naming all that are missing or bad; values never appear
 */
export function readEnvironment<N extends Name>(
  names: readonly N[],
  env: { get(name: string): string | undefined } = Deno.env,
): Pick<Values, N> {
  const get = (name: string) => env.get(name)?.trim() || undefined;
  const entries = names.map((name) => [name, VARIABLES[name].read(get(name), get)] as const);
  const problems = entries.flatMap(([name, value]) =>
    value instanceof Unusable ? [`${name} ${value.because}`] : []
  );
  if (problems.length > 0) throw new UsageError(problems.join("; "));
  return Object.fromEntries(entries) as Pick<Values, N>;
}

/** The part of a command's help that says which variables it reads. */
export function environmentHelp(names: readonly Name[]): string {
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${VARIABLES[name].what}`);
  return `\nEnvironment:\n${lines.join("\n")}`;
}
