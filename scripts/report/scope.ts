/** What a report out of Postgres is about. */
import type { Sql } from "../operator/database.ts";
import type { Range } from "./range.ts";
import type { Unit } from "./report.ts";

export interface Scope {
  sql: Sql;
  /** Null: all DIDs together. */
  did: string | null;
  range: Range;
  unit: Unit;
}

/** The condition of its rows of request_logs: $1 and $2 are the range, $3 is the DID. */
export const LOGGED_IN_SCOPE = `($3::text is null or did = $3)
  and request_time >= $1::text::date::timestamp at time zone 'utc'
  and request_time < ($2::text::date + 1)::timestamp at time zone 'utc'`;
