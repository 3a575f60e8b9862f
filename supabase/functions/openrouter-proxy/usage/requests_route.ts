/**
 * `GET /api/v1/usage/requests` and `GET /api/v1/usage/requests/{id}`: the caller's own request log.
 *
 * Source: docs/protocol.md, "Requests".
 */
import { decimalNumber } from "../bytes/decimal.ts";
import type { Identify } from "../call/identify.ts";
import { GatewayError } from "../errors.ts";
import type { Handler } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";
import type { LoggedRequest } from "../store/usage.ts";
import { cursorAfter, placeOf } from "./cursor.ts";
import { createOwnReport, type UpToDate } from "./own_report.ts";
import { ORIGIN_PARAMETERS, originParameters } from "./parameters.ts";

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Makes the handler of the list. */
export function createUsageRequests(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked" | "usageRequests">,
  upToDate: UpToDate,
): Handler {
  const parameters = ["limit", "cursor", ...ORIGIN_PARAMETERS];
  return createOwnReport(identify, store, upToDate, parameters, async (did, query) => {
    const limit = limitOf(query);
    const cursor = query.get("cursor");
    const after = cursor === null ? null : placeOf(cursor);
    const origin = originParameters(query);
    // One more than is told says whether there is more to tell.
    const found = await store.usageRequests(did, limit + 1, after, origin);
    const told = found.slice(0, limit);
    const last = told.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return JSON.stringify({
      requests: told.map(requestMembers),
      next_cursor: hasMore ? cursorAfter({ requestTime: last.request_time, id: last.id }) : null,
    });
  });
}

/** Makes the handler of a single request. */
export function createUsageRequest(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked" | "usageRequest">,
  upToDate: UpToDate,
): Handler {
  return createOwnReport(identify, store, upToDate, [], async (did, _query, c) => {
    const id = c.req.param("id") ?? "";
    if (!UUID.test(id)) {
      throw new GatewayError(
        "invalid_request",
        "a request's id is the x-request-id of its answer: 32 hex digits with hyphens",
        { details: { param: "id" } },
      );
    }
    const found = await store.usageRequest(did, id.toLowerCase());
    if (found === null) {
      throw new GatewayError(
        "not_found",
        `you have no request ${id.toLowerCase()}: only calls that may cost are logged, and not for ever`,
      );
    }
    return JSON.stringify(requestMembers(found));
  });
}

/** The members as they are told; the cost is a number with all its digits. */
function requestMembers({ cost, ...request }: LoggedRequest) {
  return { ...request, cost: cost === null ? null : decimalNumber(cost) };
}

function limitOf(query: URLSearchParams): number {
  const text = query.get("limit");
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new GatewayError("invalid_request", `limit must be a number from 1 to ${MAX_LIMIT}`, {
    details: { param: "limit" },
  });
}
