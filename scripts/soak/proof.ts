/** What must hold at the end of a soak, each a line that is green or red. Pure. */
import { didOfKeyName } from "../../supabase/functions/openrouter-proxy/accounts/provision.ts";
import { decimal, usd } from "../simulator/money.ts";
import { type CallRecord, isAsExpected } from "./call_record.ts";
import type { Closing } from "./closing.ts";
import type { BookedBudget, BookedRow, Books, Ledger } from "./evidence.ts";
import { growthOf, type MemorySample } from "./memory_samples.ts";
import { isExcused, type OutageRecord } from "./outages.ts";

export interface Evidence {
  calls: readonly CallRecord[];
  outages: readonly OutageRecord[];
  books: Books;
  ledger: Ledger;
  closing: Closing;
  /** Of the last half of the traffic. */
  memory: readonly MemorySample[];
  /** Lines of the gateway's log that tell of a bug. */
  bugs: readonly string[];
}

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

interface Findings {
  problems: string[];
  summary: string;
}

function inShort(problems: string[]): string {
  const more = problems.length - EXAMPLES;
  const shown = problems.slice(0, EXAMPLES)
    .map((problem) => problem.length > LONGEST ? `${problem.slice(0, LONGEST)}…` : problem);
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const sumOf = (amounts: Iterable<string | null>) => {
  let sum = 0n;
  for (const amount of amounts) sum += usd(amount ?? "0");
  return sum;
};

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string | null): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== null) groups.set(key, [...groups.get(key) ?? [], item]);
  }
  return groups;
}

function eachGenerationOnce({ books, ledger }: Evidence): Findings {
  const naming = grouped(books.rows, ({ generation_id }) => generation_id);
  const rowOf = new Map(books.rows.map((row) => [row.id, row]));
  const found = new Map(books.found.map(({ generation_id, request_id }) => [
    generation_id,
    rowOf.get(request_id ?? "") ?? null,
  ]));
  const problems: string[] = [];
  let billed = 0;
  for (const { id, cost, byok_cost } of ledger.generations) {
    if (usd(cost) + usd(byok_cost) === 0n) continue;
    billed++;
    const rows = naming.get(id) ?? [found.get(id) ?? null].filter((row) => row !== null);
    const [row] = rows;
    if (row === undefined || rows.length > 1) problems.push(`${id} is in ${rows.length} rows`);
    else if (usd(row.total_cost ?? "0") !== usd(cost)) {
      problems.push(`${id} cost ${cost} and is booked as ${row.total_cost}`);
    } else if (usd(row.upstream_cost ?? "0") !== usd(byok_cost)) {
      problems.push(`${id} cost ${byok_cost} upstream and is booked as ${row.upstream_cost}`);
    }
  }
  return { problems, summary: `${billed} billed generations, each in one row` };
}

function sums({ books, ledger }: Evidence): Findings {
  const problems: string[] = [];
  const keys = grouped(ledger.keys, ({ name }) => didOfKeyName(name));
  const rows = grouped(books.rows, ({ did }) => did);
  for (const did of new Set([...keys.keys(), ...rows.keys()])) {
    const charged = sumOf((keys.get(did) ?? []).map(({ usage }) => usage));
    const booked = sumOf((rows.get(did) ?? []).map(({ total_cost }) => total_cost));
    if (charged !== booked) {
      problems.push(`${did}: ${decimal(charged)} charged, ${decimal(booked)} booked`);
    }
  }
  const total = sumOf(books.rows.map(({ total_cost }) => total_cost));
  if (total !== usd(ledger.total_cost)) {
    problems.push(`${ledger.total_cost} charged in all, ${decimal(total)} booked`);
  }
  return { problems, summary: `${decimal(total)} USD of ${rows.size} DIDs, to the last digit` };
}

function answersHaveRows({ calls, books }: Evidence): Findings {
  const rows = new Map(books.rows.map((row) => [row.id, row]));
  const served = calls.filter(({ isMetered, status }) => isMetered && status === 200);
  const problems = served.filter(({ requestId, did }) => rows.get(requestId ?? "")?.did !== did)
    .map(({ what, requestId }) => `${what}: no row ${requestId}`);
  const asked = new Set(calls.map(({ id }) => id));
  for (const [session, ofOne] of grouped(books.rows, (row) => row.session)) {
    if (!asked.has(session)) problems.push(`nobody has made the call of session ${session}`);
    if (ofOne.length > 1) problems.push(`${session} has ${ofOne.length} rows`);
  }
  return { problems, summary: `${served.length} answered calls, one row each` };
}

function rowsWhere(
  holds: (row: BookedRow) => boolean,
  what: string,
): (evidence: Evidence) => Findings {
  return ({ books }) => {
    const wrong = books.rows.filter((row) => !holds(row));
    return {
      problems: wrong.map(({ id, session }) => `${what} ${id} (session ${session})`),
      summary: `${books.rows.length} rows`,
    };
  };
}

function keys({ books, ledger, closing }: Evidence): Findings {
  const hashes = new Map(books.accounts.map(({ hash, did }) => [hash, did]));
  const live = ledger.keys.filter(({ deleted, name }) => !deleted && didOfKeyName(name) !== null);
  return {
    problems: live.filter(({ hash, name }) => hashes.get(hash) !== didOfKeyName(name))
      .map(({ name }) => `nobody has the key ${name}`),
    summary: `${live.length} keys for ${books.accounts.length} accounts; ${
      closing.reconciliation.find((line) => line.includes("keys at OpenRouter"))
    }`,
  };
}

function nothingReserved({ books }: Evidence): Findings {
  const isFree = (budget: BookedBudget) =>
    usd(budget.day_reserved_usd) === 0n && usd(budget.month_reserved_usd) === 0n &&
    budget.requests_under_way === 0;
  const rows = books.rows.filter(({ reserved_usd }) => usd(reserved_usd) !== 0n);
  const budgets = books.budgets.filter((budget) => !isFree(budget));
  return {
    problems: [
      ...rows.map(({ id, reserved_usd }) => `row ${id} holds ${reserved_usd}`),
      ...budgets.map((budget) => `budget ${JSON.stringify(budget)}`),
    ],
    summary: `0 USD in ${books.budgets.length} budgets`,
  };
}

function budgetsAreSums({ books }: Evidence): Findings {
  const problems: string[] = [];
  const rows = grouped(books.rows, ({ did }) => did).set("*", books.rows);
  const budgets = new Map(books.budgets.map((budget) => [budget.did, budget]));
  for (const [did, ofOne] of rows) {
    const budget = budgets.get(did);
    const costsIn = (period: string) =>
      sumOf(ofOne.filter(({ day }) => day.startsWith(period)).map(({ total_cost }) => total_cost));
    const day = costsIn(budget?.day ?? "");
    const month = costsIn(budget?.month.slice(0, "YYYY-MM".length) ?? "");
    if (
      day !== usd(budget?.day_spent_usd ?? "0") || month !== usd(budget?.month_spent_usd ?? "0")
    ) {
      problems.push(
        `${did}: ${decimal(day)} today and ${decimal(month)} this month by the rows, ` +
          `${budget?.day_spent_usd} and ${budget?.month_spent_usd} by its budget`,
      );
    }
  }
  return { problems, summary: `${budgets.size} budgets` };
}

function totals({ books }: Evidence): Findings {
  return {
    problems: books.wrongTotals.map((difference) => JSON.stringify(difference)),
    summary: "verify_usage() finds no difference",
  };
}

function noDrift({ books, closing }: Evidence): Findings {
  return {
    problems: [
      ...closing.failures,
      ...books.drifts.map(({ did, drift_usd }) => `${did}: ${drift_usd} USD`),
    ],
    summary: `${closing.maintenanceRuns} runs of maintenance, ${closing.lostRows} lost rows`,
  };
}

function answersAreExpected({ calls, outages }: Evidence): Findings {
  const odd = calls.filter((call) => !isAsExpected(call));
  const unexcused = odd.filter((call) => !isExcused(call, outages));
  return {
    problems: unexcused.map(describe),
    summary: `${calls.length} calls, ${odd.length} of them in need of an outage that explains them`,
  };
}

function describe({ what, status, type, isWhole, id, startedMs, endedMs }: CallRecord): string {
  const answer = status === null ? "no answer" : `${status}${type === null ? "" : ` ${type}`}`;
  const at = new Date(startedMs).toISOString().slice(11, 23);
  return `${what}: ${answer}${status !== null && !isWhole ? ", broken off" : ""} after ` +
    `${endedMs - startedMs} ms (${id} at ${at})`;
}

function noBugs({ calls, bugs }: Evidence): Findings {
  const internal = calls.filter(({ type }) =>
    type === "internal_error" || type === "misconfigured"
  );
  return {
    problems: [...internal.map(describe), ...bugs],
    summary: "no internal error, and nothing of the kind in the log",
  };
}

function retryAfter({ calls }: Evidence): Findings {
  const refused = calls.filter(({ status, type }) => status === 503 && type !== null);
  return {
    problems: refused.filter(({ retryAfter }) => !/^[1-9][0-9]*$/.test(retryAfter ?? ""))
      .map(describe),
    summary: `${refused.length} times 503, each with Retry-After`,
  };
}

function serviceResumed({ outages }: Evidence): Findings {
  const longest = Math.max(0, ...outages.map(({ fromMs, toMs }) => (toMs ?? fromMs) - fromMs));
  return {
    problems: outages.filter(({ toMs }) => toMs === null).map(({ what }) => `not after: ${what}`),
    summary: `after ${outages.length} outages, the longest of ${(longest / 1000).toFixed(1)} s`,
  };
}

/**
 * What a collected heap, and all that a process holds, may differ by from one half of the samples to the
 * other: a process keeps for a while what it needed while Postgres stood still.
 */
const NOISE_MB = { live: 3, rss: 48 };

function noGrowth({ memory }: Evidence): Findings {
  const live = growthOf(memory, ({ liveMb }) => liveMb);
  const rss = growthOf(memory, ({ rssMb }) => rssMb);
  if (live === null || rss === null) {
    return { problems: [], summary: "too short to tell: give it more minutes" };
  }
  const words = (what: string, { fromMb, toMb }: typeof live) =>
    `${what} ${fromMb.toFixed(1)} → ${toMb.toFixed(1)} MB`;
  const grew = [
    ...live.toMb - live.fromMb > NOISE_MB.live ? [words("live", live)] : [],
    ...rss.toMb - rss.fromMb > NOISE_MB.rss ? [words("RSS", rss)] : [],
  ];
  return { problems: grew, summary: `${words("live", live)}, ${words("RSS", rss)}` };
}

const PROOFS: [name: string, findingsOf: (evidence: Evidence) => Findings][] = [
  ["each generation is booked once, as billed", eachGenerationOnce],
  ["rows = OpenRouter's ledger", sums],
  ["each answered call has its row", answersHaveRows],
  ["no row is pending", rowsWhere(({ status }) => status !== "pending", "pending:")],
  ["every cost is known", rowsWhere(({ total_cost }) => total_cost !== null, "no cost:")],
  ["no orphan keys", keys],
  ["no reserved dollars", nothingReserved],
  ["budgets = sums of rows", budgetsAreSums],
  ["usage totals = log", totals],
  ["maintenance finds no drift", noDrift],
  ["no unexplained answer", answersAreExpected],
  ["no bug shows", noBugs],
  ["each 503 says when to come back", retryAfter],
  ["service resumes by itself", serviceResumed],
  ["no memory growth in the last half", noGrowth],
];
