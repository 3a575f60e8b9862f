/** The Test Anything Protocol: https://testanything.org */
import { Parser } from "tap-parser";
import type { Outcome } from "./outcome.ts";

/** Counts one TAP stream. A plan that is missing or was not kept is a failure, and so is silence. */
export function outcomeOfTap(tap: string): Outcome {
  const parser = new Parser();
  parser.end(tap);
  const { ok, count, pass, fail, skip } = parser.results!;
  return { passed: pass - skip, failed: ok && count > 0 ? 0 : Math.max(fail, 1), skipped: skip };
}
