/** What goes wrong at OpenRouter, call by call: faults of its simulator, and what the client gets. */
import type { Expected } from "./call_record.ts";

export interface UpstreamFault {
  /** As in `x-openrouter-simulate`. */
  faults: string;
  weight: number;
  /** The status that the client gets; 200 unless given. */
  status?: number;
  /** Whether the client's answer breaks off, too. */
  breaks?: boolean;
  /** Where it can be told. Embeddings and ranks do not say what another's key has paid. */
  only?: "streamed" | "whole" | "text";
}

export const UPSTREAM_FAULTS: readonly UpstreamFault[] = [
  { faults: "", weight: 60 },

  // Slow.
  { faults: "latency:300", weight: 3 },
  { faults: "after,latency:300", weight: 2 },
  { faults: "slow:40", weight: 4 },

  // Odd, and right.
  { faults: "split:11", weight: 1 },
  { faults: "gzip", weight: 1 },
  { faults: "crlf", weight: 1, only: "streamed" },
  { faults: "unterminated", weight: 1, only: "streamed" },
  { faults: "comments:3", weight: 1, only: "streamed" },
  { faults: "no-done", weight: 1, only: "streamed" },
  { faults: "exponent", weight: 1 },
  { faults: "null-usage", weight: 1 },
  { faults: "usage-twice", weight: 1, only: "streamed" },
  { faults: "cached:1", weight: 1 },
  { faults: "byok", weight: 2, only: "text" },
  { faults: "cache-hit", weight: 1 },

  // Costs that the answer does not tell.
  { faults: "no-usage", weight: 2 },
  { faults: "no-cost", weight: 1 },
  { faults: "no-usage,unlisted", weight: 1 },
  { faults: "garbage", weight: 1 },
  { faults: "empty", weight: 1 },
  { faults: "after,garbage", weight: 1 },

  // Errors.
  { faults: "status:429:1", weight: 2, status: 429 },
  { faults: "provider-429:1", weight: 1, status: 429 },
  { faults: "status:500", weight: 2, status: 500 },
  { faults: "after,status:500", weight: 1, status: 500 },
  { faults: "status:503:1", weight: 1, status: 503 },
  { faults: "availability", weight: 1, status: 503 },
  { faults: "credits", weight: 1, status: 402 },
  { faults: "moderation", weight: 1, status: 403 },
  { faults: "html:502", weight: 1, status: 502 },
  { faults: "error:429:1", weight: 2 },
  { faults: "error:503:0", weight: 1 },
  { faults: "choice-error", weight: 1, only: "whole" },

  // Connections that break.
  { faults: "drop", weight: 2, status: 502 },
  { faults: "after,drop", weight: 1, status: 502 },
  { faults: "drop:0", weight: 1, breaks: true },
  { faults: "drop:2", weight: 2, breaks: true },
];

export function expectedOf({ status = 200, breaks = false }: UpstreamFault): Expected {
  return { statuses: [status], breaks };
}
