/** A report out of the gateway's API: what one's own DID has used. */
import { parseKeepingDecimals } from "../../supabase/functions/openrouter-proxy/bytes/decimal.ts";
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import { usdText, usdUnits } from "../../supabase/functions/openrouter-proxy/bytes/usd.ts";
import { oneLine } from "../command.ts";
import { pointOf, type Range, unitOf } from "./range.ts";
import { type Budget, type Counts, NAMED_MODELS, NOTHING, OTHER, type Report } from "./report.ts";

export interface Gateway {
  /** The function's URL, without a slash at the end. */
  gatewayUrl: string;
  /** Signs what it sends. */
  fetch: typeof fetch;
}

const AMOUNTS = new Set([
  "cost",
  "total_cost",
  "limit_usd",
  "spent_usd",
  "reserved_usd",
  "remaining_usd",
]);
const MOST_TAGS = 10;

interface Group {
  day: string;
  model: string;
  session?: string | null;
  label?: string | null;
  requests: number;
  failed_requests: number;
  requests_without_cost: number;
  input_tokens: number;
  output_tokens: number;
  cost: string;
}

interface Usage {
  did: string;
  total_requests: number;
  failed_requests: number;
  requests_without_cost: number;
  total_input_tokens: number;
  total_output_tokens: number;
  total_cost: string;
  groups: Group[];
  partial_before?: string;
}

interface Limits {
  budgets: {
    scope: "did" | "gateway";
    period: "day" | "month";
    limit_usd: string | null;
    spent_usd: string | null;
    reserved_usd: string | null;
  }[];
}

/**
 * Asks the gateway what the DID that signs has used.
 *
 * @throws {Error} with the gateway's words where it refuses
 */
export async function readOwnUsage(gateway: Gateway, range: Range): Promise<Report> {
  const unit = unitOf(range);
  const [usage, byModel, byDay, sessions, labels, limits] = await Promise.all([
    usageBy(gateway, range, ""),
    usageBy(gateway, range, "model"),
    usageBy(gateway, range, "day,model"),
    usageBy(gateway, range, "session").catch(unlessRefused),
    usageBy(gateway, range, "label").catch(unlessRefused),
    ask<Limits>(gateway, "/api/v1/limits"),
  ]);
  const models = byModel.groups
    .map((group) => ({ model: group.model, ...countsOf(group) }))
    .sort(dearestFirst);
  const named = new Set(models.slice(0, NAMED_MODELS).map(({ model }) => model));
  const series = byDay.groups.map((group) => ({
    at: pointOf(group.day, unit),
    model: named.has(group.model) ? group.model : OTHER,
    ...countsOf(group),
  }));
  const leftOut = ["Latency, kinds of failures and drift: the operator's report has them."];
  for (const { partial_before } of [sessions, labels]) {
    if (partial_before !== undefined) {
      leftOut.push(`Sessions and labels: nothing before ${partial_before} is in them.`);
    }
  }
  return {
    did: usage.did,
    ...range,
    madeAt: new Date(),
    unit,
    totals: {
      requests: usage.total_requests,
      failed: usage.failed_requests,
      withoutCost: usage.requests_without_cost,
      inputTokens: usage.total_input_tokens,
      outputTokens: usage.total_output_tokens,
      costUsd: usage.total_cost,
    },
    models,
    series: addedUp(series),
    failures: series.filter(({ failed }) => failed > 0)
      .map(({ at, failed }) => ({ at, kind: "failed", count: failed })),
    latency: null,
    dids: null,
    sessions: tagsOf(sessions, "session"),
    labels: tagsOf(labels, "label"),
    budgets: budgetsOf(usage.did, limits),
    drifts: null,
    leftOut: [...new Set(leftOut)],
  };
}

async function usageBy(gateway: Gateway, { from, to }: Range, groupBy: string): Promise<Usage> {
  const query = new URLSearchParams({ start_date: from, end_date: to, group_by: groupBy });
  return await ask<Usage>(gateway, `/api/v1/usage?${query}`);
}

class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** A gateway that cannot group by what is asked for has nothing to tell of it. */
function unlessRefused(error: unknown): Pick<Usage, "groups" | "partial_before"> {
  if (error instanceof Refused && error.status === 400) return { groups: [] };
  throw error;
}

/** @returns the member `data` of the answer; amounts as decimal strings */
async function ask<T>({ fetch, gatewayUrl }: Gateway, path: string): Promise<T> {
  const response = await fetch(gatewayUrl + path).catch((error: Error) => {
    const why = oneLine(error);
    throw new Error(
      `the gateway at ${gatewayUrl} did not answer (${why}); GATEWAY_URL says where it is`,
    );
  });
  const text = await response.text();
  if (response.status !== 200) {
    throw new Refused(
      response.status,
      `the gateway answered ${response.status}: ${messageOf(text)}`,
    );
  }
  const data = dataOf(text);
  if (data !== null) return data as T;
  throw new Error(`what answers at ${gatewayUrl} is no gateway; GATEWAY_URL says where that is`);
}

/** Null: the text is no answer of a gateway's. */
function dataOf(text: string): unknown {
  try {
    const answer = parseKeepingDecimals(text, AMOUNTS);
    return isObject(answer) && isObject(answer.data) ? answer.data : null;
  } catch {
    return null;
  }
}

function messageOf(text: string): string {
  try {
    const { error: { type, message } } = JSON.parse(text);
    if (typeof message !== "string") return text.slice(0, 200);
    return typeof type === "string" ? `${type}: ${message}` : message;
  } catch {
    return text.slice(0, 200);
  }
}

function countsOf(group: Group): Counts {
  return {
    requests: group.requests,
    failed: group.failed_requests,
    withoutCost: group.requests_without_cost,
    inputTokens: group.input_tokens,
    outputTokens: group.output_tokens,
    costUsd: String(group.cost),
  };
}

const dearestFirst = (a: Counts, b: Counts) =>
  Number(b.costUsd) - Number(a.costUsd) || b.requests - a.requests;

/** One row for each point of time and model. */
function addedUp(rows: Report["series"]): Report["series"] {
  const sums = new Map<string, Report["series"][number]>();
  for (const row of rows) {
    const key = `${row.at} ${row.model}`;
    const sum = sums.get(key) ?? { at: row.at, model: row.model, ...NOTHING };
    sums.set(key, {
      ...sum,
      requests: sum.requests + row.requests,
      failed: sum.failed + row.failed,
      withoutCost: sum.withoutCost + row.withoutCost,
      inputTokens: sum.inputTokens + row.inputTokens,
      outputTokens: sum.outputTokens + row.outputTokens,
      costUsd: usdText((usdUnits(sum.costUsd) ?? 0n) + (usdUnits(row.costUsd) ?? 0n)),
    });
  }
  return [...sums.values()].sort((a, b) => a.at < b.at ? -1 : a.at > b.at ? 1 : 0);
}

function tagsOf<Name extends "session" | "label">(
  { groups }: Pick<Usage, "groups">,
  name: Name,
): ({ [N in Name]: string } & Counts)[] {
  return groups.filter((group) => typeof group[name] === "string")
    .map((group) =>
      ({ [name]: group[name], ...countsOf(group) }) as { [N in Name]: string } & Counts
    )
    .sort(dearestFirst).slice(0, MOST_TAGS);
}

function budgetsOf(did: string, { budgets }: Limits): Budget[] {
  return budgets.flatMap(({ scope, period, limit_usd, spent_usd, reserved_usd }) =>
    scope === "did" && limit_usd !== null
      ? [{
        did,
        period,
        limitUsd: String(limit_usd),
        spentUsd: String(spent_usd ?? "0"),
        reservedUsd: String(reserved_usd ?? "0"),
      }]
      : []
  );
}
