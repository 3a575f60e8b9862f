/**
 * The life of one row of request_logs, from pending to its single end.
 *
 * Whoever forwards a request opens a booking and reports how it went; the booking finds out what it
 * cost, settles it in Postgres, and writes the request's line in the log.
 */
import { describeError } from "../errors.ts";
import type { Settlement, Store } from "../store.ts";
import type { GenerationReader } from "./generation.ts";
import { nothingObserved, type Observed, observeGeneration, storable } from "./usage.ts";

/** How a request can end. */
export type Ending =
  /** OpenRouter's whole answer was passed on. */
  | { kind: "answered" }
  /** OpenRouter answered with an error status. */
  | { kind: "refused" }
  /** The client hung up first. */
  | { kind: "client_disconnected" }
  /** The gateway or the connection to OpenRouter failed. */
  | { kind: "broken"; error: Error };

/** What is known when the row has been admitted. */
export interface BookedRequest {
  requestId: string;
  requestTime: string;
  did: string;
  /** The path that was asked for, below the function's name. */
  route: string;
  /** The model that was asked for. */
  model: string | null;
  /** Whether the answer's own id is the id of a job; such an answer has no generation yet. */
  answersWithJob: boolean;
  /** Milliseconds since the epoch, when the request arrived. */
  receivedAt: number;
}

export interface AnswerHeaders {
  httpStatus: number;
  /** `X-Generation-Id`. */
  generationId: string | null;
  /** The DID's plaintext key that made the call: what may read its generation. */
  apiKey: string;
}

export interface Booking {
  /** The status line and headers of OpenRouter's answer are here. */
  headersReceived(answer: AnswerHeaders): void;
  /** The first byte of its body is here. */
  firstByte(): void;
  /** Ends the booking, once: later calls change nothing. */
  end(ending: Ending, observed?: Observed): void;
}

export interface BookkeeperDeps {
  store: Pick<Store, "settle">;
  generations: GenerationReader;
  /** US dollars in one of OpenRouter's credits, a decimal string. */
  usdPerCredit: string;
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: (event: Record<string, unknown>) => void;
}

/** Waits between the attempts to settle a row, in milliseconds. */
const SETTLE_RETRY_DELAYS_MS = [250, 1_000, 4_000, 15_000];

/** Returns what opens a booking for an admitted, metered request. */
export function createBookkeeper(deps: BookkeeperDeps): (request: BookedRequest) => Booking {
  const { store, generations, now, sleep, log } = deps;

  /** Tries until Postgres takes it; what it never takes is left to operators as one line of the log. */
  async function settle(settlement: Settlement): Promise<string | null> {
    for (const delayMs of [...SETTLE_RETRY_DELAYS_MS, null]) {
      try {
        return (await store.settle(settlement)).totalCostUsd;
      } catch (error) {
        if (delayMs !== null) {
          await sleep(delayMs);
          continue;
        }
        const cause = error instanceof Error ? String(error.cause ?? error.message) : "unknown";
        log({ level: "error", event: "settlement_deferred", cause, ...settlement });
      }
    }
    return null;
  }

  return (request) => {
    const { promise: ended, resolve } = Promise.withResolvers<[Ending, Observed]>();
    let headers: AnswerHeaders | null = null;
    let firstByteMs: number | null = null;

    async function conclude() {
      const [ending, observed] = await ended;
      // The header names the generation for every endpoint; a body may name something else.
      const generationId = request.answersWithJob
        ? observed.id
        : headers?.generationId ?? observed.id;
      let costSource: Settlement["costSource"] = observed.cost === null ? null : "response";
      if (
        costSource === null && ending.kind !== "refused" && !request.answersWithJob &&
        generationId !== null && headers !== null
      ) {
        observeGeneration(observed, await generations.read(generationId, headers.apiKey));
        if (observed.cost !== null) costSource = "generation";
      }
      const httpStatus = headers?.httpStatus ?? null;
      const errorMessage = errorOf(ending, observed, costSource, httpStatus);
      const status = errorMessage === null ? "completed" : "failed";
      const costUsd = await settle({
        requestId: request.requestId,
        requestTime: request.requestTime,
        status,
        httpStatus,
        errorMessage,
        model: observed.model,
        provider: observed.provider,
        generationId,
        inputTokens: observed.inputTokens,
        outputTokens: observed.outputTokens,
        cachedTokens: observed.cachedTokens,
        reasoningTokens: observed.reasoningTokens,
        cost: observed.cost,
        upstreamCost: observed.upstreamCost,
        usdPerCredit: deps.usdPerCredit,
        costSource,
        firstByteMs,
      });
      log({
        level: status === "completed" ? "info" : "warn",
        event: "request",
        request_id: request.requestId,
        did: request.did,
        route: request.route,
        model: observed.model ?? request.model,
        status: httpStatus,
        outcome: status,
        ...(errorMessage === null ? {} : { error: errorMessage }),
        input_tokens: observed.inputTokens,
        output_tokens: observed.outputTokens,
        cost_usd: costUsd,
        ms: now() - request.receivedAt,
      });
    }
    deps.waitUntil(conclude());

    return {
      headersReceived(answer) {
        headers = { ...answer, generationId: answer.generationId && storable(answer.generationId) };
      },
      firstByte() {
        firstByteMs ??= now() - request.receivedAt;
      },
      end(ending, observed = nothingObserved()) {
        resolve([ending, observed]);
      },
    };
  };
}

/** Why the row counts as failed; null: it is completed. */
function errorOf(
  ending: Ending,
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
      return storable(describeError(ending.error, false).error);
  }
}
