/** What OpenRouter tells of generations that no row has, request by request. */
import { nothingObserved, observeGeneration } from "../../metering/usage.ts";
import { amount } from "../../metering/told_values.ts";
import type { ListedGeneration } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import type { FoundCall } from "../../store/lost_calls.ts";
import { knownUsage } from "../known_usage.ts";
import { endpointOf } from "./api_types.ts";
import type { Turn } from "./turn.ts";

export interface LookDeps {
  management: Pick<Management, "generation">;
  usdPerCredit: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** One generation of a request, or all of them. */
export interface FoundRequest {
  /** OpenRouter's own; null: it does not tell. */
  requestId: string | null;
  call: FoundCall;
}

/** Null: OpenRouter will know more of it. @throws {TurnIsOver} */
export type Look = (
  did: string,
  listed: ListedGeneration,
  turn: Turn,
) => Promise<FoundRequest | null>;

/** `GET /generation` may not know a generation that is younger, though analytics list it. */
const KNOWN_AFTER_MS = 2 * 60_000;

export function createLook({ management, usdPerCredit, now }: LookDeps): Look {
  return async (did, listed, turn) => {
    const { id } = listed;
    const data = await turn.ask(() => management.generation(id));
    const createdAt = createdAtOf(data, listed);
    if (data === null && createdAt.getTime() > now() - KNOWN_AFTER_MS) return null;
    const observed = nothingObserved();
    observeGeneration(observed, data);
    const cost = observed.cost ?? amount(listed.cost);
    if (cost === null) return null;
    const usage = knownUsage(observed, usdPerCredit);
    return {
      requestId: typeof data?.request_id === "string" ? data.request_id : null,
      call: {
        ...usage,
        did,
        generations: [{ id, cost, upstreamCost: usage.upstreamCost }],
        createdAt,
        endpoint: endpointOf(data?.api_type),
        streaming: data?.streamed === true,
        model: usage.model ?? listed.model,
      },
    };
  };
}

/** Joins the generations of each request; the earliest comes first. */
export function byRequest(known: FoundRequest[]): FoundRequest[] {
  const requests = new Map<string, FoundRequest>();
  for (const one of known.toSorted((a, b) => +a.call.createdAt - +b.call.createdAt)) {
    const key = one.requestId ?? one.call.generations[0]!.id;
    const first = requests.get(key);
    if (first === undefined) requests.set(key, one);
    else {
      first.call.generations.push(...one.call.generations);
      first.call.inputTokens = sum(first.call.inputTokens, one.call.inputTokens);
      first.call.outputTokens = sum(first.call.outputTokens, one.call.outputTokens);
      first.call.cachedTokens = sum(first.call.cachedTokens, one.call.cachedTokens);
      first.call.reasoningTokens = sum(first.call.reasoningTokens, one.call.reasoningTokens);
    }
  }
  return [...requests.values()];
}

function sum(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

/**
 * When it was made: as OpenRouter says, else by the Unix second in its id, else when the span began in
 * which it is listed.
 */
function createdAtOf(
  data: Record<string, unknown> | null,
  { id, sinceMs }: ListedGeneration,
): Date {
  const told = typeof data?.created_at === "string" ? Date.parse(data.created_at) : NaN;
  if (!Number.isNaN(told)) return new Date(told);
  const second = /-(\d{10})-/.exec(id)?.[1];
  return new Date(second === undefined ? sinceMs : Number(second) * 1000);
}
