/** What the books must say when they are compared with OpenRouter's. */
import { didOfKeyName } from "../../supabase/functions/openrouter-proxy/accounts/provision.ts";
import { decimal, usd } from "../simulator/money.ts";
import type { BookedBudget, BookedRow, Evidence, Findings } from "./evidence.ts";

const sumOf = (amounts: Iterable<string | null>) => {
  let sum = 0n;
  for (const amount of amounts) sum += usd(amount ?? "0");
  return sum;
};

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string | null): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Each generation that cost something is one row's, by its id or because maintenance found it. */
export function eachGenerationOnce({ books, ledger }: Evidence): Findings {
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

/** What OpenRouter has charged the keys of a DID, those that are gone too, is what its rows cost. */
export function sums({ books, ledger }: Evidence): Findings {
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

/** Each answered call has the row of its x-request-id, and each row with a session is one call's. */
export function answersHaveRows({ calls, books }: Evidence): Findings {
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

/** Something holds for each row. @param what names a row for which it does not */
export function rowsWhere(
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

/** OpenRouter has no key of the gateway that no account has. */
export function keys({ books, ledger, closing }: Evidence): Findings {
  const hashes = new Map(books.accounts.map(({ hash, did }) => [hash, did]));
  const live = ledger.keys.filter(({ deleted, name }) => !deleted && didOfKeyName(name) !== null);
  return {
    problems: live.filter(({ hash, name }) => hashes.get(hash) !== didOfKeyName(name))
      .map(({ name }) => `nobody has the key ${name}`),
    summary: `${live.length} keys for ${books.accounts.length} accounts, once put right was: ${
      closing.reconciliation.find((line) => line.includes("keys at OpenRouter"))
    }`,
  };
}

/** Nothing is reserved, and nothing counts as under way. */
export function nothingReserved({ books }: Evidence): Findings {
  const isFree = (budget: BookedBudget) =>
    usd(budget.day_reserved_usd) === 0n && usd(budget.month_reserved_usd) === 0n &&
    budget.requests_under_way === 0;
  const rows = books.rows.filter(({ reserved_usd }) => usd(reserved_usd) !== 0n);
  const budgets = books.budgets.filter((budget) => !isFree(budget));
  return {
    problems: [
      ...rows.map(({ id, reserved_usd }) => `row ${id} holds ${reserved_usd}`),
      ...budgets.map((budget) => `budget ${JSON.stringify(budget)}`),
      ...books.wrongReservations.map((difference) => JSON.stringify(difference)),
    ],
    summary: `0 USD in ${books.budgets.length} budgets`,
  };
}

/** What budgets say of the day and the month is the sum of their rows, of all rows for '*'. */
export function budgetsAreSums({ books }: Evidence): Findings {
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

/** The totals that usage is read from are the log's. */
export function totals({ books }: Evidence): Findings {
  return {
    problems: books.wrongTotals.map((difference) => JSON.stringify(difference)),
    summary: "verify_usage() finds no difference",
  };
}

/** Maintenance has come to its end, and found the books equal to OpenRouter's. */
export function noDrift({ books, closing }: Evidence): Findings {
  return {
    problems: [
      ...closing.failures,
      ...books.drifts.map(({ did, drift_usd }) => `${did}: ${drift_usd} USD`),
    ],
    summary: `${closing.maintenanceRuns} runs of maintenance, ${closing.lostRows} lost rows`,
  };
}
