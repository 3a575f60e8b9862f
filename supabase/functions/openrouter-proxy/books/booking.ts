/**
 * What an answer costs, from the moment that it is awaited to its entry in the books.
 *
 * Whoever forwards a request opens a booking and reports how it goes. As soon as it has ended, the
 * booking settles the row in Postgres with all that is known, and writes the request's line in the
 * log; a cost that is not known yet follows in an entry of its own.
 */
import { describeError } from "../errors.ts";
import type { Progress } from "../metering/meter.ts";
import { costOfJob, nothingObserved, observe, type Observed } from "../metering/usage.ts";
import type { Store } from "../store/store.ts";
import type { KnownCost, Settled, Settlement } from "../store/settlement.ts";
import { createEntries, type Entered, MAX_ENTRIES } from "./entries.ts";
import type { GenerationReader } from "./generation_reader.ts";
import { knownUsage } from "./known_usage.ts";
import { createLateCosts } from "./late_costs.ts";
import { discardedLine, requestLine } from "./request_line.ts";
import { createSettling, type EndedCalls, type Settling } from "./settling.ts";
import { type Ending, type Seen, type Verdict, verdictOn } from "./verdict.ts";

/** How a booking can end. */
export type BookingEnding =
  | Ending
  /** OpenRouter does not have the path (404, 405): this was no call, and leaves no row. */
  | { kind: "no_such_path" };

export interface Answer {
  httpStatus: number;
  /** `X-Generation-Id`. */
  generationId: string | null;
  /** The DID's plaintext key that made the call; null: it went without one. */
  apiKey: string | null;
  /** Whether it costs nothing because OpenRouter had it in its response cache. */
  isCacheHit: boolean;
  /** What the meter learns while the answer passes. */
  observed: Observed;
  progress: Progress;
}

export interface Booking {
  /** The headers of OpenRouter's answer are here. */
  answering(answer: Answer): void;
  /** The first byte of its body is here. */
  firstByte(): void;
  /** Ends the booking, once: later calls change nothing. */
  end(ending: BookingEnding): void;
  /** Resolves when the ended booking is in Postgres, or never will be. */
  readonly settled: Promise<void>;
  /** Somebody waits for that: it does not wait for others. */
  hurry(): void;
}

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
  /** Whether it costs nothing whatever it uses: a `:free` model, and nothing beside it. */
  isFree: boolean;
  /** Whether OpenRouter does work for it that is charged although the call fails: it searches, or reads documents. */
  chargesErrors: boolean;
  /** Milliseconds since the epoch, when the request arrived. */
  receivedAt: number;
}

export interface Bookkeeper {
  /**
   * Takes room for one more call of a DID, until it is disposed of; an open booking has its own. While
   * Postgres takes entries more slowly than calls end, or not at all, no more calls may begin than their
   * ends can wait for it; and no DID may have more of them than there is room left, so that there is
   * always some for the others.
   *
   * @returns null: there is none
   */
  takeRoom(did: string): Disposable | null;
  /** Opens the booking of a call that was admitted. */
  openCall(call: BookedCall): Booking;
  /** Opens the booking of a look at a job, whose cost is booked at its first sight. */
  openJob(job: { did: string; jobId: string }): Booking;
  /** A DID's calls that have ended and are not in the books yet; null: there are none. */
  endedCallsOf(did: string): EndedCalls | null;
  /** Waits for these, and for what the DID's looks at jobs have told, for a second at most. */
  upToDate(did: string): Promise<void>;
  /** Ends the row of a request, should it have one: its admission was not heard of. */
  withdraw(did: string, requestId: string): void;
  /** Settles all open bookings as they stand, because the worker may end at any time. */
  retire(reason: string): void;
}

export interface BookkeeperDeps {
  store: Pick<Store, "settle" | "settleSoon" | "discard" | "withdraw" | "bookCost">;
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

/**
 * How many calls are being admitted, are under way, or wait for Postgres at most; the rest is for what
 * looks at jobs tell, and for costs that come late.
 */
export const MAX_CALLS = 0.75 * MAX_ENTRIES;

/** Opens bookings, and keeps count of them until they are settled. */
export function createBookkeeper(deps: BookkeeperDeps): Bookkeeper {
  const { store, generations, usdPerCredit, now, sleep, waitUntil, log } = deps;
  const open = new Set<OpenBooking>();
  /** How many calls are being admitted. */
  let admitting = 0;
  /** How many calls each DID has that are being admitted, or are not settled. */
  const callsOf = new Map<string, number>();
  const entries = createEntries({ sleep, log });
  const endedCalls = createSettling({ hurry: store.settleSoon, sleep });
  // What looks at jobs tell is entered at once as it is.
  const endedLooks = createSettling({ hurry() {}, sleep });
  const findCost = createLateCosts({ store, generations, entries, usdPerCredit, log });
  let isRetiring = false;

  /** A booking that is concluded when it has ended, and keeps the isolate alive until then. */
  abstract class OpenBooking implements Booking {
    protected answer: Answer | null = null;
    #resolve!: () => void;
    readonly settled = new Promise<void>((resolve) => this.#resolve = resolve);

    constructor(readonly did: string, readonly endedOnes: Settling) {
      open.add(this);
      waitUntil(this.settled);
    }

    /** Brings it into the books; a call that is settled early is concluded twice. */
    protected abstract conclude(ending: BookingEnding): Promise<void>;

    answering(answer: Answer) {
      this.answer = answer;
    }

    firstByte() {}

    end(ending: BookingEnding) {
      const isFirstEnd = open.delete(this);
      if (!isFirstEnd) return;
      this.#settle(ending).then(() => {
        this.whenSettled();
        this.#resolve();
      });
    }

    /** Settles it as it stands; it is still open. */
    retire(reason: string) {
      waitUntil(this.#settle({ kind: "retired", reason }));
    }

    hurry() {
      store.settleSoon();
    }

    protected whenSettled() {}

    #settle(ending: BookingEnding): Promise<void> {
      let settled: Promise<void>;
      try {
        settled = this.conclude(ending).catch(bookingFailed);
      } catch (error) {
        bookingFailed(error as Error);
        settled = Promise.resolve();
      }
      this.endedOnes.add(this.did, settled);
      return settled;
    }
  }

  /** A bug: the row stays pending, and expire_stale_requests ends it. */
  function bookingFailed(error: Error) {
    log({ level: "error", event: "booking_failed", ...describeError(error, true) });
  }

  class CallBooking extends OpenBooking {
    #firstByteMs: number | null = null;

    constructor(readonly call: BookedCall) {
      super(call.did, endedCalls);
      countCall(call.did, 1);
    }

    protected conclude(ending: BookingEnding): Promise<void> {
      return ending.kind === "no_such_path"
        ? discard(this.call, this.answer?.httpStatus ?? null)
        : settle(this.call, ending, this.answer, this.#firstByteMs);
    }

    override firstByte() {
      this.#firstByteMs ??= elapsedMs(this.call);
    }

    protected override whenSettled() {
      countCall(this.did, -1);
    }
  }

  async function discard(call: BookedCall, httpStatus: number | null): Promise<void> {
    const { requestId, requestTime, did, route, model } = call;
    const entry = { requestId, requestTime, outcome: "discarded" };
    const entered = await entries.enter(did, () => store.discard(requestId, requestTime), entry);
    // Two cases are expected: a retiring worker settled the row early, or an earlier attempt
    // succeeded and only its answer was lost. Anything else is a bug.
    if (entered?.answer === false && entered.isFirstAttempt && !isRetiring) {
      log({ level: "error", event: "discard_ignored", ...entry });
    }
    log(discardedLine({ did, route, model, ms: elapsedMs(call), requestId, httpStatus }));
  }

  function settle(
    call: BookedCall,
    ending: Ending,
    answer: Answer | null,
    firstByteMs: number | null,
  ): Promise<void> {
    const concluded = settlementOf(call, ending, answer, firstByteMs, usdPerCredit);
    const { settlement } = concluded;
    return entries.enter(call.did, () => store.settle(settlement), settlement)
      .then((entered) => hasSettled(call, ending, concluded, entered));
  }

  function hasSettled(
    call: BookedCall,
    ending: Ending,
    { settlement, asksForCost }: Concluded,
    entered: Entered<Settled>,
  ): void {
    const { requestId, requestTime, did, route, model } = call;
    const { settled, totalCostUsd, leftOut } = entered?.answer ?? NOT_ENTERED;
    // Two cases are expected: a retiring worker settled the row early, or an earlier attempt
    // succeeded and only its answer was lost. Anything else is a bug.
    if (entered && !settled && entered.isFirstAttempt && !isRetiring) {
      log({ level: "error", event: "settlement_ignored", ...settlement });
    }
    if (leftOut !== null) {
      log({ level: "error", event: "settlement_incomplete", left_out: leftOut, ...settlement });
    }
    const error = ending.kind === "broken" ? ending.error : null;
    const ms = elapsedMs(call);
    log(requestLine({ did, route, model, ms, settlement, totalCostUsd, error }));

    const { generationId } = settlement;
    if (entered && asksForCost && generationId !== null) {
      waitUntil(findCost({ requestId, requestTime, did, generationId }));
    }
  }

  function elapsedMs({ receivedAt }: BookedCall): number {
    return Math.round(now() - receivedAt);
  }

  class JobBooking extends OpenBooking {
    constructor(did: string, readonly jobId: string) {
      super(did, endedLooks);
    }

    protected async conclude(): Promise<void> {
      const { answer, did, jobId } = this;
      if (answer === null || answer.httpStatus >= 400) return;
      const { observed, apiKey } = answer;
      // The video itself, or HEAD, is no account of the job: whoever has it may never ask for one.
      if (observed.id === null && observed.cost === null && apiKey !== null) {
        observe(observed, await generations.readJob(jobId, apiKey));
      }
      const cost = costOfJob(observed);
      if (cost === null) return;
      const known: KnownCost = {
        row: { did, generationId: jobId },
        ...knownUsage(observed, usdPerCredit),
        cost,
        costSource: "response",
      };
      await entries.enter(did, () => store.bookCost(known), known);
    }
  }

  function withdraw(did: string, requestId: string) {
    waitUntil(entries.until(did, () => store.withdraw(requestId)));
  }

  function retire(reason: string) {
    isRetiring = true;
    for (const booking of open) booking.retire(reason);
    entries.retire();
    store.settleSoon();
  }

  async function upToDate(did: string) {
    const ended = [endedCalls, endedLooks].map(({ callsOf }) => callsOf(did)?.areSettled());
    await Promise.all(ended);
  }

  function countCall(did: string, by: 1 | -1) {
    const calls = (callsOf.get(did) ?? 0) + by;
    if (calls > 0) callsOf.set(did, calls);
    else callsOf.delete(did);
  }

  /** That of a call which is being admitted. */
  class Room implements Disposable {
    constructor(readonly did: string) {
      admitting++;
      countCall(did, 1);
    }

    [Symbol.dispose]() {
      admitting--;
      countCall(this.did, -1);
    }
  }

  function takeRoom(did: string): Disposable | null {
    const left = MAX_CALLS - admitting - open.size - entries.waiting();
    return left <= (callsOf.get(did) ?? 0) ? null : new Room(did);
  }

  return {
    takeRoom,
    openCall: (call) => new CallBooking(call),
    openJob: ({ did, jobId }) => new JobBooking(did, jobId),
    endedCallsOf: endedCalls.callsOf,
    upToDate,
    withdraw,
    retire,
  };
}

const NOT_ENTERED = { settled: false, totalCostUsd: null, leftOut: null };

/** What counts up while an answer passes. */
const UNTOLD = { outputTokens: null, reasoningTokens: null, upstreamCost: null };

/** Some answers name no model, such as transcriptions': what they charge ran as it was asked for. */
function modelOf({ model }: BookedCall, { error }: Verdict, { cost }: Observed): string | null {
  return error === null && cost !== null ? model : null;
}

/** How a call ended, for its row; and whether its cost, which is not known then, is to be asked for. */
interface Concluded {
  settlement: Settlement;
  asksForCost: boolean;
}

function settlementOf(
  call: BookedCall,
  ending: Ending,
  answer: Answer | null,
  firstByteMs: number | null,
  usdPerCredit: string,
): Concluded {
  const observed = answer?.observed ?? nothingObserved();
  // The header names the generation for every endpoint; a body may name something else.
  const named = answer?.generationId ?? null;
  const generationId = call.beginsJob ? observed.id ?? named : named ?? observed.id;
  // What fails and has no generation was refused before anything was done for it.
  const isRefusal = generationId === null && answer?.progress.beginsWithError === true;
  const seen: Seen = {
    inputTokens: observed.inputTokens,
    outputTokens: observed.outputTokens,
    cost: observed.cost,
    error: observed.error,
    hasBegun: answer?.progress.hasBegun === true && !isRefusal,
    isOver: answer?.progress.isOver ?? false,
    mayTellMore: answer?.progress.mayTellMore === true && generationId !== null,
  };
  const verdict = verdictOn(ending, seen, {
    isFree: call.isFree || answer?.isCacheHit === true,
    chargesErrors: call.chargesErrors && generationId !== null,
  });
  // What OpenRouter says of it later fills in what is not told here.
  const isPart = observed.cost !== null && verdict.cost === null;
  const told = isPart ? { ...observed, ...UNTOLD } : observed;
  const settlement: Settlement = {
    requestId: call.requestId,
    requestTime: call.requestTime,
    status: verdict.error === null ? "completed" : "failed",
    httpStatus: answer?.httpStatus ?? null,
    errorMessage: verdict.error,
    givenUp: verdict.givenUp,
    ...knownUsage(told, usdPerCredit),
    model: observed.model ?? modelOf(call, verdict, observed),
    generationId,
    cost: verdict.cost,
    costSource: verdict.cost === null ? null : "response",
    firstByteMs,
    mayBeRepeated: verdict.mayBeRepeated,
  };
  // What a job costs is booked when somebody looks at it.
  const isJob = call.beginsJob && observed.id !== null;
  return { settlement, asksForCost: verdict.asksForCost && !isJob };
}
