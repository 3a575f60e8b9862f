/**
 * Generations that no row has are booked: each request's together, once.
 *
 * One request can make several generations with one `request_id` (fusion, subagents); an answer's usage
 * is the sum of them (openrouter.md, "Where usage sits, by endpoint").
 */
import { nothingObserved, observeGeneration } from "../../metering/usage.ts";
import type { ListedGeneration } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import type { FoundCall, Store } from "../../store.ts";
import { endpointOf } from "./api_types.ts";
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
  /** What may be told apart later: OpenRouter does not know it yet, or a request is still running. */
  later: number;
}

/** Books those of a DID's generations that are not in the books. @throws {TurnIsOver} */
export type Adopt = (
  did: string,
  generations: ListedGeneration[],
  turn: Turn,
  found: Adoptions,
) => Promise<void>;

/** A generation, with OpenRouter's id of its request. */
interface Known {
  requestId: string | null;
  call: FoundCall;
}

const IDS_AT_A_TIME = 2_000;
/** The parts of one request are found together, unless it lies over the edge between two of these. */
const LOOKED_AT_AT_A_TIME = 200;
/** `GET /generation` may not know a generation that is younger, though analytics list it. */
const KNOWN_AFTER_MS = 2 * 60_000;

export function createAdoption(deps: AdoptionDeps): Adopt {
  const { store, management, usdPerCredit, now } = deps;

  async function unbooked(did: string, listed: ListedGeneration[]): Promise<ListedGeneration[]> {
    const ids: string[] = [];
    for (let from = 0; from < listed.length; from += IDS_AT_A_TIME) {
      const some = listed.slice(from, from + IDS_AT_A_TIME).map(({ id }) => id);
      ids.push(...await store.unbookedGenerations(did, some));
    }
    const wanted = new Set(ids);
    return listed.filter(({ id }) => wanted.has(id));
  }

  /** Null: OpenRouter will know more. */
  async function look(did: string, listed: ListedGeneration, turn: Turn): Promise<Known | null> {
    const { id } = listed;
    const data = await turn.ask(() => management.generation(id));
    const createdAt = createdAtOf(data, id);
    if (data === null && createdAt.getTime() > now() - KNOWN_AFTER_MS) return null;
    const observed = nothingObserved();
    observeGeneration(observed, data);
    const { model, provider, nativeFinishReason, upstreamCost } = observed;
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = observed;
    return {
      requestId: typeof data?.request_id === "string" ? data.request_id : null,
      call: {
        did,
        generations: [{ id, cost: observed.cost ?? listed.cost, upstreamCost }],
        createdAt,
        endpoint: endpointOf(data?.api_type),
        streaming: data?.streamed === true,
        model: model ?? listed.model,
        provider,
        nativeFinishReason,
        inputTokens,
        outputTokens,
        cachedTokens,
        reasoningTokens,
        upstreamCost,
        usdPerCredit,
      },
    };
  }

  /** Books some of a DID's generations. @param requestIds of generations that were asked for before */
  async function adoptSome(
    did: string,
    missing: ListedGeneration[],
    turn: Turn,
    found: Adoptions,
    requestIds: Map<string, unknown>,
  ) {
    const known: Known[] = [];
    const looked = await inParallel(missing, AT_A_TIME, turn, async (generation) => {
      const seen = await look(did, generation, turn);
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
    async function isPartOfSum({ requestId, call }: Known): Promise<boolean> {
      if (requestId === null) return false;
      const atMs = call.createdAt.getTime();
      const beside = ran.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
      const unseen = beside.filter(({ id }) => !requestIds.has(id));
      const asked = await inParallel(unseen, AT_A_TIME, turn, async ({ id }) => {
        requestIds.set(id, (await turn.ask(() => management.generation(id)))?.request_id);
      });
      if (asked < unseen.length) throw new TurnIsOver();
      return beside.some(({ id }) => requestIds.get(id) === requestId);
    }

    const calls: FoundCall[] = [];
    for (const request of requests) {
      const { call } = request;
      if (!await isPartOfSum(request)) calls.push(call);
      else await store.noteParts(did, call.generations.map(({ id }) => id));
    }
    // First what was paid for and fits well, so that each lost row gets its own.
    const paidFirst = calls.toSorted((a, b) => Number(isFree(a)) - Number(isFree(b)));
    const others: FoundCall[] = [];
    for (const anyRow of [false, true]) {
      for (const call of anyRow ? others : paidFirst) {
        const outcome = await store.adoptGeneration(call, anyRow);
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

/** Joins the generations of each request, the earliest first. */
function byRequest(known: Known[]): Known[] {
  const requests = new Map<string, Known>();
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

/** When it was made: as OpenRouter says, else by the Unix second in its id. */
function createdAtOf(data: Record<string, unknown> | null, id: string): Date {
  const told = typeof data?.created_at === "string" ? Date.parse(data.created_at) : NaN;
  return new Date(Number.isNaN(told) ? Number(/-(\d{10})-/.exec(id)?.[1] ?? 0) * 1000 : told);
}
