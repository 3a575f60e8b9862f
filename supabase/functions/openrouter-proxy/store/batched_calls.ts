/**
 * Admissions and settlements: those that come while a round trip is under way share the next one.
 */
import { type BatchLimits, naturalBatches } from "../bytes/natural_batches.ts";
import { admissionMembers, type AdmissionRequest } from "./admission.ts";
import { type Admission, admissionOf } from "./admission_decision.ts";
import { storeBreaker } from "./breaker.ts";
import { CALL_TIMEOUT_MS, type StoreCall, StoreUnavailable } from "./rpc.ts";
import { type Settled, settledOf, type Settlement, settlementMembers } from "./settlement.ts";

/** Few enough that Postgres is done with them in some ten milliseconds. */
export const BATCHES: BatchLimits = { atOnce: 64, patienceMs: 100 };

/** By how much a timer may be early. */
const TIMER_SLACK_MS = 100;

/**
 * @param call throws StoreUnavailable where Postgres or its API does not take it
 * @param now milliseconds on any steady clock
 */
export function batchedCalls(call: StoreCall, now: () => number) {
  const admissions = storeBreaker(CALL_TIMEOUT_MS - TIMER_SLACK_MS, now, notAsked);

  const admit = naturalBatches<AdmissionRequest, Admission>({
    keyOf: ({ requestId }) => requestId,
    one: async (request) =>
      admissionOf(
        await admissions.run(() =>
          call("admit_request", { p_admission: admissionMembers(request) })
        ),
      ),
    many: async (requests) => {
      const answers = await admissions.run(() =>
        call("admit_requests", { p_admissions: JSON.stringify(requests.map(admissionMembers)) })
      );
      return answersById(answers, admissionOf);
    },
    didNothing,
  }, BATCHES);

  const settle = naturalBatches<Settlement, Settled>({
    keyOf: ({ requestId }) => requestId,
    one: async (settlement) =>
      settledOf(await call("settle_request", { p_settlement: settlementMembers(settlement) })),
    many: async (settlements) => {
      const answers = await call("settle_requests", {
        p_settlements: JSON.stringify(settlements.map(settlementMembers)),
      });
      return answersById(answers, settledOf);
    },
    didNothing,
  }, BATCHES);

  return {
    /** Decides on a request and, when it is metered and admitted, books its pending row. */
    async admit(request: AdmissionRequest): Promise<Admission> {
      if (admissions.isOpen()) throw notAsked();
      return await admit(request);
    },

    /**
     * Ends a pending row. One that has ended takes no more, but for a cost that it lacks, and the end
     * of a row that was given up.
     */
    settle,
  };
}

function didNothing(error: unknown): boolean {
  return error instanceof StoreUnavailable && !error.mayHaveArrived;
}

function notAsked(): StoreUnavailable {
  return new StoreUnavailable("several calls in a row have timed out", false);
}

/** What an RPC for several answers, `{<request id>: answer}`. */
function answersById<Answer>(told: unknown, answerOf: (told: unknown) => Answer) {
  return new Map(
    Object.entries(told as Record<string, unknown>).map(([id, answer]) => [id, answerOf(answer)]),
  );
}
