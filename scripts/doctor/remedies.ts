/**
 * Commands of the Supabase CLI to paste, each with the project that the doctor looks at: without one they
 * would go to whichever the checkout is linked to.
 */
import { SUPABASE } from "../stack/supabase_cli.ts";
import type { Patient } from "./patient.ts";

type Where = Pick<Patient, "project" | "isLocal">;

/** What a project's ref stands for in commands where no --remote was given. */
const UNKNOWN_REF = "<ref>";

/** How the migrations that are missing get into the database. */
export function push({ project, isLocal }: Where): string {
  if (isLocal) return "Stop deno task dev, and start it again: it applies what is missing.";
  return `${SUPABASE} db push --remote=${project?.ref ?? '"$DATABASE_URL"'}`;
}

/** How a database is there again that does not answer. @param hosted what to do where it is Supabase's */
export function startDatabase({ isLocal }: Where, hosted: string): string {
  return isLocal
    ? "Start it: deno task dev, or deno task stack beside deno task serve.\n" +
      `For its DATABASE_URL, ${whereFrom(isLocal)}.`
    : hosted;
}

/** How the doctor gets to know the gateway's variables. */
export function whereFrom(isLocal: boolean): string {
  return isLocal ? "source the file that deno task dev names at its end" : "--env-file secrets.env";
}

/** Where the gateway's variables are. */
export function whereVariablesAre({ isLocal }: Where): string {
  return isLocal ? "in the gateway's environment" : "among the function's secrets";
}

export function deployFunction({ project }: Where): string {
  return `${SUPABASE} functions deploy openrouter-proxy --use-api --remote=${
    project?.ref ?? UNKNOWN_REF
  }`;
}

export function setSecrets({ project }: Where): string {
  return `${SUPABASE} secrets set --remote=${project?.ref ?? UNKNOWN_REF} --env-file secrets.env`;
}
