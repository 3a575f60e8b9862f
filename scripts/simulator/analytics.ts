/**
 * `POST /analytics/query` and `GET /activity`: what the account did, in bulk, for the management
 * key. They know generations that `GET /generation` does not.
 *
 * Source: openrouter.md, "Bulk queries"; the envelope and the default of `limit` as in
 * OpenRouter's SDK, QueryAnalytics.
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { expected, isInstant, isText } from "./key_settings.ts";
import type { GenerationRecord, Ledger } from "./ledger.ts";
import { jsonUsd } from "./money.ts";

const MOST_ROWS = 10_000;
const DEFAULT_ROWS = 1000;
const MOST_DIMENSIONS = 2;
const DAY_MS = 86_400_000;
const DAYS_BACK = 31;
const DAYS_UNASKED = 7;
const ACTIVITY_DAYS = 30;
const QUERIES_A_MINUTE = 64;

/** What rows can be told apart by. */
const DIMENSIONS: Readonly<Record<string, (record: GenerationRecord) => string>> = {
  generation_id: (record) => record.id,
  api_key_id: (record) => record.keyHash,
  model: (record) => record.model,
  provider: (record) => record.provider,
  workspace_id: (record) => record.workspaceId,
};

/** What can be summed up. Amounts are numbers, counts are strings. */
const METRICS: Readonly<Record<string, (records: GenerationRecord[]) => unknown>> = {
  credits_usage: (records) => jsonUsd(records.reduce((sum, { cost }) => sum + cost, 0n)),
  request_count: (records) => String(records.length),
  tokens_prompt: (records) => count(records, ({ prompt }) => prompt),
  tokens_completion: (records) => count(records, ({ completion }) => completion),
  tokens_total: (records) => count(records, ({ prompt, completion }) => prompt + completion),
};

function count(records: GenerationRecord[], of: (record: GenerationRecord) => number): string {
  return String(records.reduce((sum, record) => sum + of(record), 0));
}

/** The part of an ISO 8601 instant that names its bucket. */
const GRANULARITIES: Readonly<Record<string, number>> = { hour: 13, day: 10, month: 7 };

/** Those of OpenRouter's description that are read here. Others are refused: nobody shall rely on them. */
const MEMBERS = ["metrics", "dimensions", "filters", "granularity", "time_range", "limit"];

/** `POST /analytics/query`, with MEMBERS. */
export function queryAnalytics({ body, ledger }: Call): Answer {
  limitRate(ledger);
  const unknown = Object.keys(body).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) throw apiError(400, `Unrecognized key: ${unknown}`);
  const metrics = names("metrics", body.metrics, METRICS);
  if (metrics.length === 0) throw apiError(400, "metrics must name at least one");
  const dimensions = names("dimensions", body.dimensions ?? [], DIMENSIONS);
  if (dimensions.length > MOST_DIMENSIONS) {
    throw apiError(400, `At most ${MOST_DIMENSIONS} dimensions are supported`);
  }
  const granularity = body.granularity === undefined
    ? null
    : names("granularity", [body.granularity], GRANULARITIES)[0]!;
  const limit = body.limit === undefined ? DEFAULT_ROWS : expected("limit", isLimit, body.limit);
  const matching = ledger.analysed().filter(inTime(body)).filter(passing(body.filters ?? []));

  const groups = Map.groupBy(matching, (record) =>
    JSON.stringify([
      ...dimensions.map((name) => [name, DIMENSIONS[name]!(record)]),
      ...(granularity === null ? [] : [["date", bucket(record, granularity)]]),
    ]));
  const rows = [...groups].map(([group, records]) => ({
    ...Object.fromEntries(JSON.parse(group)),
    ...Object.fromEntries(metrics.map((name) => [name, METRICS[name]!(records)])),
  }));
  const shown = rows.slice(0, limit);
  return json({
    data: {
      data: shown,
      metadata: {
        query_time_ms: 1,
        row_count: shown.length,
        truncated: shown.length < rows.length,
      },
    },
  });
}

/** `GET /activity?date=&api_key_hash=`: the last 30 UTC days that are over, by model. */
export function activity({ query, ledger }: Call): Answer {
  const today = new Date().toISOString().slice(0, 10);
  const first = new Date(Date.parse(today) - ACTIVITY_DAYS * DAY_MS).toISOString().slice(0, 10);
  const date = query.get("date");
  const hash = query.get("api_key_hash");
  const records = ledger.analysed().filter((record) => {
    const day = bucket(record, "day");
    return day >= first && day < today && (date === null || day === date) &&
      (hash === null || record.keyHash === hash);
  });
  const groups = Map.groupBy(
    records,
    (record) => JSON.stringify([bucket(record, "day"), record.model, record.provider]),
  );
  const data = [...groups].map(([group, records]) => {
    const [date, model, provider_name] = JSON.parse(group);
    return {
      date,
      model,
      provider_name,
      usage: METRICS.credits_usage!(records),
      requests: records.length,
      prompt_tokens: Number(METRICS.tokens_prompt!(records)),
      completion_tokens: Number(METRICS.tokens_completion!(records)),
    };
  });
  return json({ data });
}

function limitRate(ledger: Ledger): void {
  const now = Date.now();
  const recent = ledger.analyticsQueriesMs.filter((at) => at > now - 60_000);
  if (recent.length >= QUERIES_A_MINUTE) {
    const retryAfterS = Math.ceil((recent[0]! + 60_000 - now) / 1000);
    throw apiError(429, undefined, undefined, { "Retry-After": String(retryAfterS) });
  }
  ledger.analyticsQueriesMs = [...recent, now];
}

/** Reads names that the table has. */
function names(member: string, value: unknown, table: Readonly<Record<string, unknown>>): string[] {
  if (!Array.isArray(value)) throw apiError(400, `Invalid ${member}`);
  for (const name of value) {
    if (typeof name !== "string" || !Object.hasOwn(table, name)) {
      throw apiError(400, `Invalid ${member}: ${name}`);
    }
  }
  return value;
}

const isLimit = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= MOST_ROWS;

/** The time that is asked for, {start, end}: `start` included and `end` not. Unasked, the last days. */
function inTime({ time_range: range }: Record<string, unknown>) {
  const nowMs = Date.now();
  const { start, end } = range === undefined
    ? { start: nowMs - DAYS_UNASKED * DAY_MS, end: Infinity }
    : { start: instant("start", range), end: instant("end", range) };
  if (start > end) throw apiError(400, "start must be before end");
  const longestMs = DAYS_BACK * DAY_MS;
  // A client's clock may be behind, and its request took its time
  if (end - start > longestMs && end !== Infinity || start < nowMs - longestMs - 60_000) {
    throw apiError(400, `the time range must be within the last ${DAYS_BACK} days`);
  }
  return ({ createdAtMs }: GenerationRecord) => createdAtMs >= start && createdAtMs < end;
}

function instant(member: string, range: unknown): number {
  const { [member]: value } = Object(range) as Record<string, unknown>;
  return Date.parse(expected(`time_range.${member}`, isInstant, value));
}

/** Filters of the form {field, operator: "eq", value}. */
function passing(filters: unknown): (record: GenerationRecord) => boolean {
  if (!Array.isArray(filters)) throw apiError(400, "Invalid filters");
  const tests = filters.map((filter) => {
    const { field, operator, value } = Object(filter) as Record<string, unknown>;
    const [dimension = ""] = names("filters.field", [field], DIMENSIONS);
    if (operator !== "eq") throw apiError(400, `Invalid filters.operator: ${operator}`);
    const wanted = expected("filters.value", isText, value);
    return (record: GenerationRecord) => DIMENSIONS[dimension]!(record) === wanted;
  });
  return (record) => tests.every((test) => test(record));
}

function bucket({ createdAtMs }: GenerationRecord, granularity: string): string {
  return new Date(createdAtMs).toISOString().slice(0, GRANULARITIES[granularity]);
}
