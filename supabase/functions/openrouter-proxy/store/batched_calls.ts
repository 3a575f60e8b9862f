/**
 * Admissions and settlements: those that come while a round trip is under way share the next one. DIDs
 * take turns in being admitted; their settlements have done so where they are entered (books/entries.ts).
 */
import { type BatchLimits, naturalBatches } from "../concurrency/natural_batches.ts";
import { admissionMembers, type AdmissionRequest } from "./admission.ts";
import { type Admission, admissionOf } from "./admission_decision.ts";
import { storeBreaker } from "./breaker.ts";
import { CALL_TIMEOUT_MS, type StoreCall, StoreUnavailable, unusableAnswer } from "./rpc.ts";
import { type Settled, settledOf, type Settlement, settlementMembers } from "./settlement.ts";

/**
 * Every refusal is asked for alone, and one DID may bring about a thousand of them at once: those must
 * not take up the Data API's connections, of which it has ten and more.
 */
export const ADMISSIONS: BatchLimits = {
  // Few enough that Postgres is done with them in some ten milliseconds.
  atOnce: 64,
  aloneAtOnce: 16,
  patienceMs: 100,
  gatherMs: null,
};

/** No client brings about that a settlement is left out, and hardly one waits for it. */
export const SETTLEMENTS: BatchLimits = {
  ...ADMISSIONS,
  aloneAtOnce: Infinity,
  // Some four of one client, whose next call is slower beside each; longer brought nothing.
  gatherMs: 10,
};

/** By how much a timer may be early. */
const TIMER_SLACK_MS = 100;

/**
 * @param call throws StoreUnavailable where Postgres or its API does not take it
 * @param now milliseconds on any steady clock
 */
export function batchedCalls(call: StoreCall, now: () => number) {
  const admissions = storeBreaker(CALL_TIMEOUT_MS - TIMER_SLACK_MS, now, notAsked);

  const { ask: askToAdmit } = naturalBatches<AdmissionRequest, unknown>({
    keyOf: ({ requestId }) => requestId,
    ownerOf: ({ did }) => did,
    one: (request) =>
      admissions.run(() => call("admit_request", { p_admission: admissionMembers(request) })),
    many: (requests) =>
      admissions.run(() =>
        call("admit_requests", { p_admissions: JSON.stringify(requests.map(admissionMembers)) })
      ).then(byId),
    mayPassAlone,
  }, ADMISSIONS);

  const { ask: askToSettle, hurry: settleSoon } = naturalBatches<Settlement, unknown>({
    keyOf: ({ requestId }) => requestId,
    ownerOf: () => "",
    one: (settlement) => call("settle_request", { p_settlement: settlementMembers(settlement) }),
    many: (settlements) =>
      call("settle_requests", {
        p_settlements: JSON.stringify(settlements.map(settlementMembers)),
      }).then(byId),
    mayPassAlone,
  }, SETTLEMENTS);

  return {
    /** Decides on a request and, when it is metered and admitted, books its pending row. */
    admit(request: AdmissionRequest): Promise<Admission> {
      if (admissions.isOpen()) return Promise.reject(notAsked());
      return askToAdmit(request).then((told) => decisionOn(request, told));
    },

    /**
     * Ends a pending row. One that has ended takes no more, but for a cost that it lacks, and the end
     * of a row that was given up.
     */
    settle(settlement: Settlement): Promise<Settled> {
      return askToSettle(settlement).then(settledOf);
    },

    /** Somebody waits: rows that are about to end, or do so next, end now. */
    settleSoon,
  };
}

function decisionOn(request: AdmissionRequest, told: unknown): Admission {
  const admission = admissionOf(told);
  const isOfItself = admission.decision === "duplicate" &&
    admission.duplicateOf === request.requestId;
  // It was admitted before, by a call whose answer lacked it.
  if (isOfItself) throw unusableAnswer("admit_request");
  return admission;
}

function mayPassAlone(error: unknown): boolean {
  return error instanceof StoreUnavailable && error.mayPassAlone;
}

function notAsked(): StoreUnavailable {
  return new StoreUnavailable("several calls in a row have timed out", false);
}

/** What an RPC for several answers, `{<request id>: answer}`. Each answer is read by who asked for it. */
function byId(told: unknown): Pick<ReadonlyMap<string, unknown>, "has" | "get"> {
  const answers = told as Record<string, unknown>;
  return { has: (id) => Object.hasOwn(answers, id), get: (id) => answers[id] };
}
