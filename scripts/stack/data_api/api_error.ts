/** How the Data API says no: PostgREST's statuses and bodies. */
import postgres from "postgres";

/** What clients read: `code` is an SQLSTATE or one of PostgREST's own. */
export interface ErrorBody {
  code: string;
  message: string;
  details: string | null;
  hint: string | null;
}

/** An answer other than the one that was asked for. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    readonly status: number,
    readonly body: Partial<ErrorBody>,
    readonly headers: Record<string, string> = {},
  ) {
    super(body.message);
  }

  static of(status: number, code: string, message: string, details: string | null = null) {
    return new ApiError(status, { code, message, details, hint: null });
  }

  response(): Response {
    return Response.json(this.body, {
      status: this.status,
      headers: { ...this.headers, "content-type": "application/json; charset=utf-8" },
    });
  }
}

/** What became of a connection is not known to be Postgres's doing: the call may have been done. */
export function lostConnection(cause: unknown): ApiError {
  const details = cause instanceof Error ? cause.message : String(cause);
  return ApiError.of(503, "PGRST001", "Database client error. Retrying the connection.", details);
}

/**
 * What PostgREST answers when Postgres refuses a statement.
 *
 * @param isAnonymous whether the call's role is anon: what it may not do, another caller may
 */
export function refusedByPostgres(error: postgres.PostgresError, isAnonymous: boolean): ApiError {
  const { code, message, detail, hint } = error;
  if (code === "PGRST") return raised(message, detail);
  return new ApiError(statusOf(code, message, isAnonymous), {
    code,
    message,
    details: detail ?? null,
    hint: hint ?? null,
  });
}

/** By SQLSTATE; where none of these fits, by its class. */
const STATUSES: Record<string, number> = {
  "23503": 409,
  "23505": 409,
  "25006": 405,
  "42883": 404,
  "42P01": 404,
  "42P17": 500,
  "53400": 500,
  "57P01": 503,
  P0001: 400,
};
const STATUSES_OF_CLASSES: Record<string, number> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "21": 500,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "53": 503,
  "54": 500,
  "55": 500,
  "57": 500,
  "58": 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};

function statusOf(code: string, message: string, isAnonymous: boolean): number {
  if (code === "42501") return isAnonymous ? 401 : 403;
  if (code === "22023" && /^role .* does not exist$/.test(message)) return 401;
  if (code.startsWith("PT")) return validStatus(Number(code.slice(2))) ?? 500;
  return STATUSES[code] ?? STATUSES_OF_CLASSES[code.slice(0, 2)] ?? 400;
}

/** The status, if a Response can have it. */
export function validStatus(status: number): number | null {
  return Number.isInteger(status) && status >= 200 && status <= 599 ? status : null;
}

/** `raise sqlstate 'PGRST'`: the function writes the whole answer, in JSON. */
function raised(message: string, detail: string | undefined): ApiError {
  try {
    const { code, message: text, details = null, hint = null } = JSON.parse(message);
    const { status, headers } = JSON.parse(detail ?? "");
    new Headers(headers); // throws for what no response can have
    return new ApiError(
      validStatus(status) ?? 500,
      { code, message: text, details, hint },
      headers,
    );
  } catch {
    return ApiError.of(
      500,
      "PGRST121",
      `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`,
    );
  }
}
