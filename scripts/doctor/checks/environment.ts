/** The gateway's variables, as far as they are known here. */
import { createHash } from "node:crypto";
import {
  ConfigError,
  configFromEnv,
} from "../../../supabase/functions/openrouter-proxy/config/config.ts";
import type { Variables } from "../../operator/env_file.ts";
import { SUPABASE } from "../../stack/supabase_cli.ts";
import { bad, type Check, ok, unchecked } from "../check.ts";
import { setSecrets, whereFrom, whereVariablesAre } from "../remedies.ts";

/** What the platform gives, where the file leaves it out: the shapes alone are looked at. */
const GIVEN = { SUPABASE_SECRET_KEYS: '{"default":"sb_secret_given_by_the_platform"}' };

export interface EnvironmentReport {
  /** Those of the variables that the gateway reads. */
  names: string[];
  /** Each names its variable, and no value. */
  problems: string[];
}

/**
 * Reads variables as the gateway does.
 *
 * @param isComplete whether they are all that the gateway will have, so that none may be missing
 */
export function readAsGateway(
  variables: Variables,
  supabaseUrl: string,
  isComplete: boolean,
): EnvironmentReport {
  const all: Variables = { SUPABASE_URL: supabaseUrl, ...GIVEN, ...variables };
  const names = new Set<string>();
  const get = (name: string) => {
    if (name in variables) names.add(name);
    return all[name];
  };
  let problems: string[] = [];
  try {
    configFromEnv({ get });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems = error.problems.filter((problem) => isComplete || !problem.endsWith(" is not set"));
  }
  return { names: [...names].sort(), problems };
}

/** The operator's commands take a secret key alone in the place of the function's JSON. */
function asTheFunctionHas(variables: Variables): Variables {
  const { SUPABASE_SECRET_KEYS: keys = "", ...others } = variables;
  return keys.trim().startsWith("{") ? variables : others;
}

export const variables: Check = {
  name: "variables",
  looksAt: "the gateway's variables, as far as they are known here, have the right shapes",
  look(patient) {
    const { file, variables, gatewayUrl, isLocal } = patient;
    const origin = new URL(gatewayUrl).origin;
    const { names, problems } = readAsGateway(
      file ?? asTheFunctionHas(variables),
      origin,
      file !== null,
    );
    if (problems.length > 0) {
      const remedy = `Put that right, in the file and ${whereVariablesAre(patient)}.`;
      return Promise.resolve(bad(problems.join("; "), remedy));
    }
    if (names.length === 0) {
      return Promise.resolve(unchecked(`none is known here: ${whereFrom(isLocal)}`));
    }
    return Promise.resolve(ok(names.join(", ")));
  },
};

/** As the platform shows secrets. */
export function digestOf(value: string): string {
  return createHash("sha256").update(value).digest("hex");
}

export const secrets: Check = {
  name: "secrets",
  looksAt: "the project has the secrets of the file, with the same values",
  remedyOfError: `Log in: ${SUPABASE} login`,
  async look(patient) {
    const { project, file, isLocal } = patient;
    if (isLocal) return ok("on this machine the gateway has its environment from its process");
    if (project === null) return unchecked("which project it is: --remote <ref>");
    const digests = await project.secretDigests();
    const wanted = file ?? { OPENROUTER_PROVISIONING_KEY: "", API_KEY_ENCRYPTION_KEY: "" };
    const names = Object.keys(wanted).filter((name) => !name.startsWith("SUPABASE_"));
    const missing = names.filter((name) => !digests.has(name) && file?.[name] !== "");
    const other = names.filter((name) =>
      file !== null && digests.has(name) && digests.get(name) !== digestOf(wanted[name]!)
    );
    if (missing.length + other.length === 0) return ok(names.sort().join(", "));
    const faults = [
      ...missing.map((name) => `${name} is not set`),
      ...other.map((name) => `${name} is not the file's`),
    ];
    return bad(
      faults.join("; "),
      `${setSecrets(patient)}\n` +
        "But do not replace API_KEY_ENCRYPTION_KEY so: deno task rotate-keys --help",
    );
  },
};
