/**
 * Generations that no row has are booked: each request's together, once.
 *
 * One request can make several generations with one `request_id` (fusion, subagents); an answer's usage
 * is the sum of them (openrouter.md, "Where usage sits, by endpoint").
 */
import type { ListedGeneration } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import type { Store } from "../../store/store.ts";
import type { FoundCall } from "../../store/lost_calls.ts";
import { byRequest, createLook, type FoundRequest } from "./found_requests.ts";
import { AT_A_TIME } from "./job.ts";
import { inParallel, type Turn, TurnIsOver } from "./turn.ts";

export interface AdoptionDeps {
  store: Pick<
    Store,
    "unbookedGenerations" | "generationsWithSums" | "noteParts" | "adoptGeneration"
  >;
  management: Pick<Management, "generation">;
  usdPerCredit: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** What became of generations, counted over a run. */
export interface Adoptions {
  /** Lost rows that have their cost now. */
  adopted: number;
  ownRows: number;
  /**
   * What may be told apart later: OpenRouter does not know it yet, a request is still running, or it was
   * passed over.
   */
  later: number;
}

/** Books those of a DID's generations that are not in the books. @throws {TurnIsOver} */
export type Adopt = (
  did: string,
  generations: ListedGeneration[],
  turn: Turn,
  found: Adoptions,
) => Promise<void>;

const IDS_AT_A_TIME = 2_000;
/** The parts of one request are found together, unless it lies over the edge between two of these. */
const LOOKED_AT_AT_A_TIME = 200;
/** In place of the request of a generation that OpenRouter did not tell of. */
const UNTOLD = Symbol("untold");

export function createAdoption(deps: AdoptionDeps): Adopt {
  const { store, management } = deps;
  const look = createLook(deps);

  async function unbooked(did: string, listed: ListedGeneration[]): Promise<ListedGeneration[]> {
    const ids: string[] = [];
    for (let from = 0; from < listed.length; from += IDS_AT_A_TIME) {
      const some = listed.slice(from, from + IDS_AT_A_TIME).map(({ id }) => id);
      ids.push(...await store.unbookedGenerations(did, some));
    }
    const wanted = new Set(ids);
    // Listed twice, it was made once all the same.
    return listed.filter(({ id }) => wanted.delete(id));
  }

  /** Books some of a DID's generations. @param requestIds of generations that were asked for before */
  async function adoptSome(
    did: string,
    missing: ListedGeneration[],
    turn: Turn,
    found: Adoptions,
    requestIds: Map<string, unknown>,
  ) {
    const known: FoundRequest[] = [];
    const looked = await inParallel(missing, AT_A_TIME, turn, async (generation) => {
      const seen = await look(did, generation, turn)
        .catch(turn.passOver({ did, generation_id: generation.id }));
      if (seen === null) found.later++;
      else known.push(seen);
    });
    if (looked < missing.length) throw new TurnIsOver();
    const requests = byRequest(known);
    if (requests.length === 0) return;

    /** Requests that are booked with the sum of their generations, by one of those. */
    const ran = await store.generationsWithSums(
      did,
      requests[0]!.call.createdAt,
      requests.at(-1)!.call.createdAt,
    );
    /** Null: of a request that ran at the time OpenRouter does not say which it is. */
    async function isPartOfSum({ requestId, call }: FoundRequest): Promise<boolean | null> {
      if (requestId === null) return false;
      const atMs = call.createdAt.getTime();
      const beside = ran.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
      const unseen = beside.filter(({ id }) => !requestIds.has(id));
      const asked = await inParallel(unseen, AT_A_TIME, turn, async ({ id }) => {
        const answer = await turn.ask(async () => ({ known: await management.generation(id) }))
          .catch(turn.passOver({ did, generation_id: id }));
        requestIds.set(id, answer === null ? UNTOLD : answer.known?.request_id);
      });
      if (asked < unseen.length) throw new TurnIsOver();
      const ids = beside.map(({ id }) => requestIds.get(id));
      return ids.includes(requestId) || (ids.includes(UNTOLD) ? null : false);
    }

    const calls: FoundCall[] = [];
    for (const request of requests) {
      const { call } = request;
      const isPart = await isPartOfSum(request);
      if (isPart === null) found.later++;
      else if (!isPart) calls.push(call);
      else await store.noteParts(did, call.generations.map(({ id }) => id));
    }
    // First what was paid for and fits well, so that each lost row gets its own.
    const paidFirst = calls.toSorted((a, b) => Number(isFree(a)) - Number(isFree(b)));
    const others: FoundCall[] = [];
    for (const anyRow of [false, true]) {
      for (const call of anyRow ? others : paidFirst) {
        const outcome = await store.adoptGeneration(call, anyRow)
          .catch(turn.passOver({ did, generation_id: call.generations[0]!.id })) ?? "pending";
        if (outcome === "no_row") others.push(call);
        if (outcome === "adopted") found.adopted++;
        if (outcome === "own_row") found.ownRows++;
        if (outcome === "pending") found.later++;
      }
    }
  }

  return async (did, listed, turn, found) => {
    const requestIds = new Map<string, unknown>();
    const missing = await unbooked(did, listed);
    // Some at a time: what is booked when the turn ends is not looked at again.
    for (let from = 0; from < missing.length; from += LOOKED_AT_AT_A_TIME) {
      const some = missing.slice(from, from + LOOKED_AT_AT_A_TIME);
      await adoptSome(did, some, turn, found, requestIds);
    }
  };
}

function isFree({ generations }: FoundCall): boolean {
  return generations.every(({ cost, upstreamCost }) =>
    Number(cost) === 0 && Number(upstreamCost ?? 0) === 0
  );
}
