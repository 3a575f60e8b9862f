/** What a test reads in Postgres, with every digit of the costs. */
import postgres from "postgres";
import { until } from "./until.ts";

/** A row of request_logs; counts are numbers, costs are decimal strings in USD. */
export interface RequestRow {
  id: string;
  did: string;
  model: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
  total_cost: string | null;
  upstream_cost: string | null;
  cost_source: string | null;
  request_time: Date;
  response_time: Date | null;
  status: "pending" | "completed" | "failed";
  error_message: string | null;
  method: string;
  endpoint: string;
  streaming: boolean;
  http_status: number | null;
  generation_id: string | null;
  provider: string | null;
  native_finish_reason: string | null;
  first_byte_ms: number | null;
}

const COLUMNS = [
  "id",
  "did",
  "model",
  "input_tokens",
  "output_tokens",
  "cached_tokens",
  "reasoning_tokens",
  "total_cost",
  "upstream_cost",
  "cost_source",
  "request_time",
  "response_time",
  "status",
  "error_message",
  "method",
  "endpoint",
  "streaming",
  "http_status",
  "generation_id",
  "provider",
  "native_finish_reason",
  "first_byte_ms",
] as const satisfies (keyof RequestRow)[];

export type Database = ReturnType<typeof openDatabase>;

/** @param databaseUrl of the role `postgres` */
export function openDatabase(databaseUrl: string) {
  const sql = postgres(databaseUrl, {
    max: 2,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });

  async function rowsOf(did: string): Promise<RequestRow[]> {
    const rows = await sql<RequestRow[]>`
      select ${sql(COLUMNS)} from public.request_logs where did = ${did}
      order by request_time, id`;
    return [...rows];
  }

  return {
    sql,

    /** The DID's rows, oldest first. */
    rowsOf,

    /** The DID's rows once there are this many and none is pending. */
    async endedRows(did: string, count: number): Promise<RequestRow[]> {
      return await until(`${count} ended rows of ${did}`, async () => {
        const rows = await rowsOf(did);
        return rows.length === count && rows.every((row) => row.status !== "pending") && rows;
      });
    },

    /** The same, once each that names a generation has its cost, which may come later than its end. */
    async pricedRows(did: string, count: number): Promise<RequestRow[]> {
      return await until(`${count} priced rows of ${did}`, async () => {
        const rows = await rowsOf(did);
        const isPriced = (row: RequestRow) =>
          row.status !== "pending" && (row.total_cost !== null || row.generation_id === null);
        return rows.length === count && rows.every(isPriced) && rows;
      });
    },

    /** The row of an answer's x-request-id, once it has ended. */
    async endedRow(response: Response): Promise<RequestRow> {
      const id = response.headers.get("x-request-id");
      return await until(`the end of row ${id}`, async () => {
        const [row] = await sql<RequestRow[]>`
          select ${sql(COLUMNS)} from public.request_logs
          where id = ${id} and status <> 'pending'`;
        return row;
      });
    },

    /** What usage_daily has booked for the DID: each row of request_logs counts there once. */
    async booked(did: string): Promise<{ requests: number; failed: number; cost: string }> {
      const [sums] = await sql<{ requests: number; failed: number; cost: string }[]>`
        select coalesce(sum(requests), 0)::bigint as requests,
          coalesce(sum(failed_requests), 0)::bigint as failed,
          trim_scale(coalesce(sum(total_cost), 0)) as cost
        from public.usage_daily where did = ${did}`;
      return sums!;
    },

    /** OpenRouter's hash of the DID's key; null while it has none. */
    async keyHash(did: string): Promise<string | null> {
      const [row] = await sql<{ openrouter_key_hash: string }[]>`
        select openrouter_key_hash from public.user_api_keys where did = ${did}`;
      return row?.openrouter_key_hash ?? null;
    },
  };
}
