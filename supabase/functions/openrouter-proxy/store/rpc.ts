/** One call of an RPC, and what it is when Postgres or its API does not take it. */
import { awakeTimeout } from "../concurrency/awake_timeout.ts";
import { GatewayError } from "../errors.ts";
import { isAnswerOf, type Rpc } from "./rpc_answers.ts";
import type { Database } from "../database.types.ts";

/** What admit_request raises for a request that is booked already: the answer that said so got lost. */
const ADMITTED_BEFORE = "23505";

/** How long one call may take before the store counts as unavailable. */
export const CALL_TIMEOUT_MS = 10_000;

/** Codes of Postgres and of PostgREST. What stands between has others, numbers or words, or none. */
const OWN_CODE = /^(?:[0-9A-Z]{5}|PGRST[0-9A-Z]{3})$/;
/** SQLSTATE classes 08 and 57P; PostgREST's own code of a connection that failed under a call. */
const LOST_CONNECTION = /^(?:08|57P|PGRST001)/;
/**
 * No room in Postgres (SQLSTATE class 53: connections, disk, memory), no writes (25006); of PostgREST
 * no connection at all, no schema yet, and none free in its pool. Whoever asks is told so.
 *
 * Source: docs.postgrest.org, "Errors", group 0.
 */
const SO_FOR_ALL = /^(?:53|25006|PGRST00[023])/;

type Functions = Database["public"]["Functions"];

/** What the Data API tells: an RPC's answer, or what Postgres, its API or something between them reports. */
export interface Told {
  /** From JSON; null: there was none. */
  data: unknown;
  /** Its code is empty where it came with none. */
  error: { code: string; message: string } | null;
}

/** Asks the Data API for an RPC; that it cannot be reached is an error that it tells, too. */
export type AskRpc = <Name extends Rpc>(
  name: Name,
  args: Functions[Name]["Args"],
  signal: AbortSignal,
) => PromiseLike<Told>;

/** Calls an RPC. @throws {StoreUnavailable} */
export type StoreCall = <Name extends Rpc>(
  name: Name,
  args: Functions[Name]["Args"],
) => Promise<unknown>;

/** Postgres or its API did not take a call. */
export class StoreUnavailable extends GatewayError {
  /**
   * @param mayHaveArrived whether only the answer may have been lost
   * @param mayPassAlone whether a part of what was asked for may be taken all the same
   */
  constructor(
    cause: string,
    readonly mayHaveArrived: boolean,
    readonly mayPassAlone = false,
  ) {
    super(
      "store_unavailable",
      "the gateway's database did not take the request; nothing was forwarded, try again",
      { headers: { "retry-after": "2" }, cause },
    );
  }
}

/** What something on the way has answered in Postgres's place, or a Postgres that is newer than this. */
export function unusableAnswer(name: Rpc): StoreUnavailable {
  return new StoreUnavailable(`${name}: its answer is none that this gateway knows`, true);
}

/** Calls RPCs, each within its time. */
export function storeCall(ask: AskRpc): StoreCall {
  return (name, args) =>
    inTime((signal) => ask(name, args, signal)).then(({ data, error }) => {
      if (error) throw refusalOf(name, error);
      if (!isAnswerOf(name, data)) throw unusableAnswer(name);
      return data;
    });
}

function refusalOf(name: Rpc, { code, message }: NonNullable<Told["error"]>): StoreUnavailable {
  // Where an error is Postgres's or its API's own the call did nothing, unless it is the connection
  // between the two that got lost.
  const mayHaveArrived = !OWN_CODE.test(code) || LOST_CONNECTION.test(code) ||
    (name === "admit_request" && code === ADMITTED_BEFORE);
  const mayPassAlone = !mayHaveArrived && !SO_FOR_ALL.test(code);
  return new StoreUnavailable(`${name}: ${code} ${message}`, mayHaveArrived, mayPassAlone);
}

/**
 * Asks something of Postgres, which has so much time for it.
 *
 * @param ask ends when its signal aborts. A query is sent when its `then` is called: that is once
 */
export function inTime<Answer>(
  ask: (signal: AbortSignal) => PromiseLike<Answer>,
): Promise<Answer> {
  const controller = new AbortController();
  const takeBack = awakeTimeout(() => controller.abort(tooLate()), CALL_TIMEOUT_MS);
  const answer = ask(controller.signal).then((answer) => {
    takeBack();
    return answer;
  }, (error) => {
    takeBack();
    throw error;
  });
  // The query's own promise, of which its type says less.
  return Promise.resolve(answer);
}

function tooLate(): DOMException {
  return new DOMException(`no answer within ${CALL_TIMEOUT_MS} ms`, "TimeoutError");
}

/** The members that have a value: an RPC's defaults stand for the others. */
export function present<T extends Record<string, unknown>>(
  args: T,
): { [K in keyof T]: Exclude<T[K], null | undefined> } {
  return Object.fromEntries(
    Object.entries(args).filter(([, value]) => value !== null && value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], null | undefined> };
}

/** An interval, as Postgres reads it. */
export function milliseconds(ms: number): string {
  return `${Math.round(ms)} milliseconds`;
}
