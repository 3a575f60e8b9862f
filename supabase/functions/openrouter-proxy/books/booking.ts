/**
 * What an answer costs, from the moment that it is awaited to its single entry in the books.
 *
 * Whoever forwards a request opens a booking and reports how it goes; the booking finds out what it
 * cost, settles it in Postgres, and writes the request's line in the log.
 */
import { describeError } from "../errors.ts";
import type { KnownCost, Settlement, Store } from "../store.ts";
import { createEntries, RETRY_DELAYS_MS } from "./entries.ts";
import type { GenerationReader } from "./generation.ts";
import { discardedLine, requestLine } from "./request_line.ts";
import {
  nothingObserved,
  observe,
  type Observed,
  observeGeneration,
  storable,
} from "../metering/usage.ts";

/** How a request can end. */
export type Ending =
  /** OpenRouter's whole answer was passed on. */
  | { kind: "answered" }
  /** OpenRouter answered with an error status. */
  | { kind: "refused" }
  /** OpenRouter does not have the path (404, 405): this was no call, and leaves no row. */
  | { kind: "no_such_path" }
  /** The client hung up first; before OpenRouter got a byte, where `neverSent`. */
  | { kind: "client_disconnected"; neverSent?: boolean }
  /** The gateway or the connection to OpenRouter failed. */
  | { kind: "broken"; error: Error }
  /** It failed before OpenRouter got a byte, so that nothing can have been billed. */
  | { kind: "not_sent"; error: Error }
  /** The runtime is about to end this worker; should the answer end before, that counts instead. */
  | { kind: "worker_retired"; reason: string };

export interface Answer {
  httpStatus: number;
  /** `X-Generation-Id`. */
  generationId: string | null;
  /** The DID's plaintext key that made the call: what may read its generation. */
  apiKey: string;
  /** What the meter learns while the answer passes. */
  observed: Observed;
}

export interface Booking {
  /** The headers of OpenRouter's answer are here. */
  answering(answer: Answer): void;
  /** The first byte of its body is here. */
  firstByte(): void;
  /** Ends the booking, once: later calls change nothing. */
  end(ending: Ending): void;
  /** Resolves when the ended booking is in Postgres, or never will be. */
  readonly settled: Promise<void>;
}

/** The endings that a row keeps. */
type KeptEnding = Exclude<Ending, { kind: "no_such_path" }>;

/** A call whose pending row is in request_logs. */
export interface BookedCall {
  requestId: string;
  requestTime: string;
  did: string;
  /** The path that was asked for, below the function's name. */
  route: string;
  /** The model that was asked for. */
  model: string | null;
  /** Whether the answer's own id names a job that costs later, instead of a generation. */
  beginsJob: boolean;
  /** Milliseconds since the epoch, when the request arrived. */
  receivedAt: number;
}

export interface Bookkeeper {
  /** Opens the booking of a call that was admitted. */
  openCall(call: BookedCall): Booking;
  /** Opens the booking of a look at a job, whose cost is booked at its first sight. */
  openJob(job: { did: string; jobId: string }): Booking;
  /** Ends the row of a request, should it have one: its admission was not heard of. */
  withdraw(requestId: string): void;
  /** Settles all open bookings as they stand, because the worker may end at any time. */
  retire(reason: string): void;
}

export interface BookkeeperDeps {
  store: Pick<Store, "settle" | "discard" | "withdraw" | "bookCost">;
  generations: GenerationReader;
  /** US dollars in one of OpenRouter's credits, a decimal string. */
  usdPerCredit: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: (event: Record<string, unknown>) => void;
}

/** Opens bookings, and keeps count of them until they are settled. */
export function createBookkeeper(deps: BookkeeperDeps): Bookkeeper {
  const { store, generations, usdPerCredit, now, sleep, waitUntil, log } = deps;
  /** What settles each open booking as it stands. */
  const open = new Set<(reason: string) => void>();
  const retired = Promise.withResolvers<void>();
  const enter = createEntries({ sleep, log });
  let isRetiring = false;

  /** A booking that is concluded when it has ended, and keeps the isolate alive until then. */
  function booking(conclude: (ending: Ending, answer: Answer | null) => Promise<void>): Booking {
    const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
    let answer: Answer | null = null;
    const settle = (ending: Ending) =>
      conclude(ending, answer).catch((error: Error) => {
        // A bug: the row stays pending, and expire_stale_requests ends it.
        log({ level: "error", event: "booking_failed", ...describeError(error, true) });
      });
    const retire = (reason: string) => waitUntil(settle({ kind: "worker_retired", reason }));
    open.add(retire);
    const settled = ended.then((ending) => {
      open.delete(retire);
      return settle(ending);
    });
    waitUntil(settled);
    return {
      settled,
      answering(answering) {
        answer = answering;
      },
      firstByte() {},
      end,
    };
  }

  function openCall(call: BookedCall): Booking {
    let firstByteMs: number | null = null;

    /** What the log's line says of it, however it ended. */
    function ended() {
      const { did, route, model, receivedAt } = call;
      return { did, route, model, ms: Math.round(now() - receivedAt) };
    }

    async function conclude(ending: Ending, answer: Answer | null) {
      if (ending.kind === "no_such_path") await discard(answer?.httpStatus ?? null);
      else await keep(ending, answer);
    }

    async function discard(httpStatus: number | null) {
      const { requestId, requestTime } = call;
      const entry = { requestId, requestTime, outcome: "discarded" };
      const entered = await enter(() => store.discard(requestId, requestTime), entry);
      // Two cases are expected: a retiring worker settled the row early, or an earlier attempt
      // succeeded and only its answer was lost. Anything else is a bug.
      if (entered?.answer === false && entered.isFirstAttempt && !isRetiring) {
        log({ level: "error", event: "discard_ignored", ...entry });
      }
      log(discardedLine({ ...ended(), requestId, httpStatus }));
    }

    async function keep(ending: KeptEnding, answer: Answer | null) {
      const observed = answer?.observed ?? nothingObserved();
      // The header names the generation for every endpoint; a body may name something else.
      const named = answer?.generationId ? storable(answer.generationId) : null;
      const generationId = call.beginsJob ? observed.id ?? named : named ?? observed.id;
      const httpStatus = answer?.httpStatus ?? null;

      /** Enters what is known by now. */
      async function settle(costSource: Settlement["costSource"]) {
        const errorMessage = errorOf(ending, observed, costSource, httpStatus);
        const settlement: Settlement = {
          requestId: call.requestId,
          requestTime: call.requestTime,
          status: errorMessage === null ? "completed" : "failed",
          httpStatus,
          errorMessage,
          model: observed.model,
          provider: observed.provider,
          generationId,
          nativeFinishReason: observed.nativeFinishReason,
          inputTokens: observed.inputTokens,
          outputTokens: observed.outputTokens,
          cachedTokens: observed.cachedTokens,
          reasoningTokens: observed.reasoningTokens,
          cost: observed.cost,
          upstreamCost: observed.upstreamCost,
          usdPerCredit,
          costSource,
          firstByteMs,
          givenUp: ending.kind === "worker_retired",
          mayBeRepeated: ending.kind === "not_sent" || (httpStatus ?? 0) >= 400 ||
            (ending.kind === "client_disconnected" && ending.neverSent === true),
        };
        const entered = await enter(() => store.settle(settlement), settlement);
        const { settled, totalCostUsd, leftOut } = entered?.answer ??
          { settled: true, totalCostUsd: null, leftOut: null };
        if (leftOut !== null) {
          log({ level: "error", event: "settlement_cut", left_out: leftOut, ...settlement });
        }
        // What is settled as it stands may have come to its end meanwhile, and what is sent again may
        // have arrived before; anything else is a surprise.
        if (!settled && entered?.isFirstAttempt && ending.kind !== "worker_retired") {
          log({ level: "error", event: "settlement_ignored", ...settlement });
        }
        return { settlement, totalCostUsd };
      }

      let booked: Awaited<ReturnType<typeof settle>> | null = null;
      let costSource: Settlement["costSource"] = observed.cost === null ? null : "response";
      if (
        costSource === null && answer !== null && generationId !== null &&
        !(call.beginsJob && observed.id !== null) && ending.kind !== "refused" &&
        ending.kind !== "worker_retired"
      ) {
        const reading = generations.read(generationId, answer.apiKey);
        await Promise.race([reading, retired.promise]);
        // The worker may end before OpenRouter knows the cost; if it does not, the cost is settled too.
        if (isRetiring) booked = await settle(null);
        observeGeneration(observed, await reading);
        if (observed.cost !== null) costSource = "generation";
      }
      if (booked === null || costSource !== null) booked = await settle(costSource);

      log(requestLine({
        ...ended(),
        settlement: booked.settlement,
        totalCostUsd: booked.totalCostUsd,
        error: "error" in ending ? ending.error : null,
      }));
    }

    return {
      ...booking(conclude),
      firstByte() {
        firstByteMs ??= Math.round(now() - call.receivedAt);
      },
    };
  }

  function openJob({ did, jobId }: { did: string; jobId: string }): Booking {
    return booking(async (_ending, answer) => {
      if (answer === null || answer.httpStatus >= 400) return;
      const { observed, apiKey } = answer;
      // The video itself, or HEAD, is no account of the job: whoever has it may never ask for one.
      if (observed.id === null && observed.cost === null) {
        observe(observed, await generations.readJob(jobId, apiKey));
      }
      const { cost } = observed;
      if (cost === null) return;
      const known: KnownCost = {
        row: { did, generationId: jobId },
        cost,
        costSource: "response",
        usdPerCredit,
        model: observed.model,
        provider: observed.provider,
        nativeFinishReason: observed.nativeFinishReason,
        inputTokens: observed.inputTokens,
        outputTokens: observed.outputTokens,
        cachedTokens: observed.cachedTokens,
        reasoningTokens: observed.reasoningTokens,
        upstreamCost: observed.upstreamCost,
      };
      await enter(() => store.bookCost(known), known);
    });
  }

  function withdraw(requestId: string) {
    async function attempts() {
      for (const delayMs of RETRY_DELAYS_MS) {
        if (await store.withdraw(requestId).catch(() => false)) return;
        await sleep(delayMs);
      }
    }
    waitUntil(attempts());
  }

  function retire(reason: string) {
    isRetiring = true;
    retired.resolve();
    for (const settleNow of open) settleNow(reason);
  }

  return { openCall, openJob, withdraw, retire };
}

/** Why the row counts as failed; null: it is completed. */
function errorOf(
  ending: KeptEnding,
  observed: Observed,
  costSource: Settlement["costSource"],
  httpStatus: number | null,
): string | null {
  if (observed.error !== null) return observed.error;
  switch (ending.kind) {
    case "answered":
      return null;
    case "refused":
      return `OpenRouter answered with status ${httpStatus}`;
    case "client_disconnected":
      // Usage is the last thing of a stream: a client that left after it has had its answer.
      return costSource === "response" ? null : "client_disconnected";
    case "broken":
    case "not_sent":
      return storable(describeError(ending.error, false).error);
    case "worker_retired":
      return storable(`worker_retired: ${ending.reason}`);
  }
}
