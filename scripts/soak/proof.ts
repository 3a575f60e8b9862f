/** What must hold at the end of a soak, each a line that is green or red. Pure. */
import type { Evidence, Findings } from "./evidence.ts";
import * as books from "./proof_of_books.ts";
import * as service from "./proof_of_service.ts";

export interface Line {
  name: string;
  isGreen: boolean;
  /** What was found: a summary where it is green, what is wrong where it is red. */
  found: string;
}

/** As many examples as a person reads. */
const EXAMPLES = 5;
/** Characters of each. */
const LONGEST = 300;

/** All lines. */
export function prove(evidence: Evidence): Line[] {
  return PROOFS.map(([name, findingsOf]) => {
    const { problems, summary } = findingsOf(evidence);
    const isGreen = problems.length === 0;
    return { name, isGreen, found: isGreen ? summary : inShort(problems) };
  });
}

function inShort(problems: string[]): string {
  const more = problems.length - EXAMPLES;
  const shown = problems.slice(0, EXAMPLES)
    .map((problem) => problem.length > LONGEST ? `${problem.slice(0, LONGEST)}…` : problem);
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const PROOFS: [name: string, findingsOf: (evidence: Evidence) => Findings][] = [
  ["each generation is booked once, as billed", books.eachGenerationOnce],
  ["rows = OpenRouter's ledger", books.sums],
  ["each answered call has its row", books.answersHaveRows],
  ["no row is pending", books.rowsWhere(({ status }) => status !== "pending", "pending:")],
  ["every cost is known", books.rowsWhere(({ total_cost }) => total_cost !== null, "no cost:")],
  ["no orphan keys", books.keys],
  ["no reserved dollars", books.nothingReserved],
  ["budgets = sums of rows", books.budgetsAreSums],
  ["usage totals = log", books.totals],
  ["maintenance finds no drift", books.noDrift],
  ["no unexplained answer", service.answersAreExpected],
  ["no bug shows", service.noBugs],
  ["each 503 says when to come back", service.retryAfter],
  ["service resumes by itself", service.serviceResumed],
  ["no memory growth in the last half", service.noGrowth],
];
