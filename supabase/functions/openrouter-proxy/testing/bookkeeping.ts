/** What the tests of bookings share. */
import { GatewayError } from "../errors.ts";
import type { KnownCost, Settlement } from "../store/settlement.ts";
import { type Answer, createBookkeeper } from "../books/booking.ts";
import type { Ending } from "../books/verdict.ts";
import { nothingObserved, type Observed } from "../metering/usage.ts";

export const CALL = {
  requestId: "11111111-1111-4111-8111-111111111111",
  requestTime: "2026-11-22T10:30:00.123456+00:00",
  did: "did:key:z6Mk",
  route: "/api/v1/openrouter/chat/completions",
  model: "asked/for",
  beginsJob: false,
  isFree: false,
  chargesErrors: false,
  receivedAt: 1_000,
};
export const GENERATION = {
  model: "of/generation",
  total_cost: "0.7",
  native_tokens_prompt: 70,
  native_tokens_completion: 71,
  provider_name: "G",
  native_finish_reason: "stop",
};
const storeDown = () =>
  new GatewayError("store_unavailable", "down", {
    cause: new Error("settle_request: 57P01 terminating connection"),
  });

interface Options {
  /** How many writes fail before one succeeds. */
  failures?: number;
  sleep?: (ms: number) => Promise<void>;
  /** What Postgres waits for before it takes anything. */
  until?: Promise<void>;
  /** What OpenRouter knows of a generation, now or when the promise is kept. */
  generation?: unknown;
  /** What OpenRouter says of a job. */
  job?: unknown;
  /** Whether the row has ended before. */
  hasEnded?: boolean;
  /** Whether the row has a cost before it is found. */
  hasCost?: boolean;
  /** What Postgres refuses of a settlement. */
  leftOut?: string | null;
}

/** A bookkeeper whose database, upstream and clock are a test's. */
export function bookkeeping(options: Options = {}) {
  const {
    failures = 0,
    until,
    generation = null,
    job = null,
    hasEnded = false,
    hasCost = false,
    leftOut = null,
  } = options;
  const settlements: Settlement[] = [];
  const lateCosts: KnownCost[] = [];
  const discarded: [requestId: string, requestTime: string][] = [];
  const withdrawn: string[] = [];
  const asked: string[] = [];
  const jobsAsked: [id: string, apiKey: string][] = [];
  const lines: Record<string, unknown>[] = [];
  const pending: Promise<unknown>[] = [];
  let attempts = 0;
  let hurried = 0;
  let nowMs = 1_000;
  const attempt = () => attempts++ < failures ? Promise.reject(storeDown()) : Promise.resolve();
  const write = () => until === undefined ? attempt() : until.then(attempt);
  const bookkeeper = createBookkeeper({
    store: {
      async settle(settlement) {
        await write();
        settlements.push(settlement);
        return {
          settled: !hasEnded,
          totalCostUsd: hasEnded ? null : settlement.cost,
          leftOut,
          isAlerted: false,
        };
      },
      settleSoon: () => hurried++,
      async discard(requestId, requestTime) {
        await write();
        discarded.push([requestId, requestTime]);
        return !hasEnded;
      },
      async withdraw(requestId) {
        await write();
        return hasEnded || (withdrawn.push(requestId), false);
      },
      async bookCost(late) {
        await write();
        lateCosts.push(late);
        return !hasCost;
      },
    },
    generations: {
      read(id) {
        asked.push(id);
        return generation instanceof Promise ? generation : Promise.resolve(generation);
      },
      readJob(id, apiKey) {
        jobsAsked.push([id, apiKey]);
        return Promise.resolve(job);
      },
    },
    usdPerCredit: "1",
    now: () => nowMs,
    sleep: options.sleep ?? (() => Promise.resolve()),
    waitUntil: (promise) => pending.push(promise),
    log: (line) => lines.push(line),
  });
  return {
    ...bookkeeper,
    settlements,
    lateCosts,
    discarded,
    withdrawn,
    asked,
    jobsAsked,
    lines,
    attempts: () => attempts,
    /** How often settlements were not to wait for others. */
    hurried: () => hurried,
    at: (ms: number) => nowMs = ms,
    /** How often the isolate was asked to stay alive. */
    kept: () => pending.length,
    /** Resolves when nothing is left to do without a further event. */
    idle: () => new Promise<void>((resolve) => setTimeout(resolve)),
    /** Resolves when nothing keeps the isolate alive any more. */
    async settled() {
      for (let known = 0; known < pending.length;) {
        known = pending.length;
        await Promise.all(pending);
      }
    },
  };
}

export function answer(observed: Partial<Observed>, members: Partial<Answer> = {}): Answer {
  return {
    httpStatus: 200,
    generationId: "gen-1",
    apiKey: "sk-or-v1-x",
    isCacheHit: false,
    observed: { ...nothingObserved(), ...observed },
    progress: { hasBegun: true, beginsWithError: false, isOver: false, mayTellMore: false },
    ...members,
  };
}

export const ANSWERED: Ending = { kind: "answered" };
/** A client that left after OpenRouter had got the request. */
export const LEFT: Ending = { kind: "left", sent: true, hadUsage: false };
export const USAGE = { inputTokens: 3, outputTokens: 4, cost: "0.5", model: "m", provider: "P" };
export const BROKEN: Ending = {
  kind: "broken",
  sent: true,
  error: new GatewayError("upstream_unreachable", "it broke", { cause: "sk-or-v1-secret" }),
};
