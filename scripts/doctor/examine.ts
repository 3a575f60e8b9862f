/** Runs the checks, in the order of the table. */
import { oneLine } from "../command.ts";
import { bad, type Check, type Finding, unchecked } from "./check.ts";
import type { Patient } from "./patient.ts";

export type Result = { name: string } & Finding;

const ELSE = "Look at the function's log, and try again.";

/**
 * Looks at everything. A check that follows from one that was bad is not made: each fault is told once.
 *
 * @param onResult is told of each as it is found
 */
export async function examine(
  checks: readonly Check[],
  patient: Patient,
  onResult: (result: Result) => void,
): Promise<Result[]> {
  const results = new Map<string, Result>();
  for (const check of checks) {
    const { name, after = [] } = check;
    const hindrance = after.find((other) => results.get(other)?.state !== "ok");
    const finding = hindrance === undefined
      ? await lookSafely(check, patient)
      : unchecked(`"${hindrance}" comes first`);
    const result = { name, ...finding };
    results.set(name, result);
    onResult(result);
  }
  return [...results.values()];
}

async function lookSafely(check: Check, patient: Patient): Promise<Finding> {
  try {
    return await check.look(patient);
  } catch (error) {
    const { remedyOfError = ELSE } = check;
    const remedy = typeof remedyOfError === "string" ? remedyOfError : remedyOfError(patient);
    return bad(oneLine(error), remedy);
  }
}
