/** What a client saw of one request, and what it may see. */

export interface Expected {
  /** The statuses that the request may be answered with while all is well. */
  statuses: readonly number[];
  /** Whether its answer breaks off because OpenRouter's does. */
  breaks: boolean;
}

export interface Exchange {
  /** Null: there was no answer. */
  status: number | null;
  /** `error.type` of the gateway's own errors; null for every other answer, OpenRouter's errors too. */
  type: string | null;
  retryAfter: string | null;
  /** `x-request-id`. */
  requestId: string | null;
  /** Whether the answer came to its end. */
  isWhole: boolean;
  /** Whether the client hung up. */
  hasLeft: boolean;
}

export interface CallRecord extends Exchange {
  /** The session that the request names: the same for a request that is sent again. */
  id: string;
  /** What it was, e.g. `chat, streamed; drop:2`. */
  what: string;
  did: string;
  /** Whether it is booked once it is admitted. */
  isMetered: boolean;
  expected: Expected;
  /** Milliseconds since the epoch. */
  startedMs: number;
  endedMs: number;
}

/** Whether nothing about an answer needs an excuse. */
export function isAsExpected({ status, isWhole, hasLeft, expected }: CallRecord): boolean {
  if (hasLeft) return true;
  if (status === null || !expected.statuses.includes(status)) return false;
  return isWhole || expected.breaks;
}
