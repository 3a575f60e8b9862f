/**
 * OpenRouter's analytics: generations in bulk, those too that nobody told us of.
 *
 * Source: openrouter.md, "Bulk queries". At most 10 000 rows an answer, 31 days back,
 * 64 requests a minute; a generation is listed some time after its end.
 */
import { isObject } from "../bytes/encodings.ts";
import { type ManagementCall, ManagementError } from "./management_call.ts";

/** A generation as analytics list it. */
export interface ListedGeneration {
  id: string;
  model: string | null;
  /** Credits, the decimal as it was written. */
  cost: string;
  /** It was not made before: when the span begins in which it is listed, in milliseconds. */
  sinceMs: number;
}

/** A span of time, in milliseconds since the epoch; the end is exclusive. */
export interface Span {
  fromMs: number;
  toMs: number;
}

export interface Analytics {
  /**
   * The generations that a key made in a span of time; `isWhole` is false where there are more of them,
   * or OpenRouter takes too long to list them.
   *
   * @throws {ManagementError}
   */
  generations(
    keyHash: string,
    span: Span,
  ): Promise<{ listed: ListedGeneration[]; isWhole: boolean }>;
  /**
   * What a key spent in a span of time, in credits: a decimal; null: OpenRouter does not know the key.
   *
   * @throws {ManagementError}
   */
  spent(keyHash: string, span: Span): Promise<string | null>;
}

/** How far back analytics go, and the longest span that they take, in milliseconds. */
const REACH_MS = 31 * 86_400_000;
/** OpenRouter's clock may be ahead of ours, and the request takes its time. */
const MARGIN_MS = 60_000;

/** All that analytics tell of, up to now. @param nowMs milliseconds since the epoch */
export function reachOfAnalytics(nowMs: number): Span {
  return { fromMs: nowMs - REACH_MS + MARGIN_MS, toMs: nowMs };
}

const MOST_ROWS = 10_000;
const ROUTE = "/analytics/query";
/** A narrower span takes less. */
const TIMED_OUT = 408;
const EXACT: ReadonlySet<string> = new Set(["credits_usage"]);

export function createAnalytics(call: ManagementCall): Analytics {
  async function query(
    keyHash: string,
    { fromMs, toMs }: Span,
    dimensions: string[],
  ): Promise<{ rows: Record<string, unknown>[]; isTruncated: boolean; isOfKey: boolean }> {
    const body = JSON.stringify({
      metrics: ["credits_usage"],
      dimensions,
      filters: [{ field: "api_key_id", operator: "eq", value: keyHash }],
      time_range: { start: new Date(fromMs).toISOString(), end: new Date(toMs).toISOString() },
      limit: MOST_ROWS,
    });
    const answer = await call("POST", ROUTE, { body, route: ROUTE, exact: EXACT });
    const data = isObject(answer) && isObject(answer.data) ? answer.data : {};
    if (!Array.isArray(data.data)) {
      throw new ManagementError(`OpenRouter's answer to POST ${ROUTE} lacks the rows`, null);
    }
    const isTruncated = isObject(data.metadata) && data.metadata.truncated === true;
    // Of a hash that it cannot resolve it finds nothing, and warns.
    const isOfKey = !(Array.isArray(data.warnings) && data.warnings.length > 0);
    return { rows: data.data.filter(isObject), isTruncated, isOfKey };
  }

  return {
    async generations(keyHash, span) {
      const { rows, isTruncated } = await query(keyHash, span, ["generation_id", "model"])
        .catch((error) => {
          if (!(error instanceof ManagementError && error.status === TIMED_OUT)) throw error;
          return { rows: [], isTruncated: true };
        });
      const listed = rows.flatMap(({ generation_id: id, model, credits_usage: cost }) =>
        typeof id === "string" && typeof cost === "string"
          ? [{
            id,
            cost,
            model: typeof model === "string" ? model : null,
            sinceMs: span.fromMs,
          }]
          : []
      );
      return { listed, isWhole: !isTruncated };
    },

    async spent(keyHash, span) {
      const { rows, isOfKey } = await query(keyHash, span, []);
      const spent = rows[0]?.credits_usage;
      if (!isOfKey) return null;
      return typeof spent === "string" ? spent : "0";
    },
  };
}
