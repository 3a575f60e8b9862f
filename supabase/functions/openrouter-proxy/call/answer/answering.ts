/**
 * From OpenRouter's answer to the client's: how it passes, how the call's booking ends by it, and who is
 * made to wait for that.
 */
import type { Booking } from "../../books/booking.ts";
import type { Ending } from "../../books/verdict.ts";
import type { Config } from "../../config/config.ts";
import {
  isUnconnected,
  knowsNoSuchPath,
  type StillAnswering,
  type Upstream,
  wholeJob,
} from "../../openrouter/forward.ts";
import { createLinks } from "../../openrouter/links.ts";
import { errorDialectOf } from "../../policy/error_dialects.ts";
import { type AnswerOptions, clientAnswer, wholeIfJson } from "./client_answer.ts";
import { errorEvents } from "./error_event.ts";
import type { Order } from "../order.ts";

export interface AnsweringDeps {
  config: Pick<Config, "openrouterUrl" | "audience" | "upstreamIdleTimeoutMs">;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
}

/** What counts of an order once it was sent. */
type Ordered = Pick<Order, "path" | "call" | "model" | "isHeard" | "hasLinks" | "idempotency">;

/** Who waits for the answer. */
interface Client {
  requestId: string;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
}

export interface Answering {
  /** The client's answer, which ends the booking when it ends. */
  pass(
    order: Ordered,
    upstream: Upstream,
    apiKey: string | null,
    booking: Booking | null,
    client: Client,
  ): Promise<Response>;
  /** Hears a call to its end whose client was told that OpenRouter is late. */
  hear(
    order: Ordered,
    late: StillAnswering,
    apiKey: string | null,
    booking: Booking | null,
    requestId: string,
  ): Promise<void>;
  /** Waits for the booking, where its client may send the same again at once. */
  settledSoon(order: Pick<Order, "idempotency">, booking: Booking | null): Promise<void>;
}

const SETTLED_SOON_MS = 1_000;
/** A job exists, whether Postgres knows it or not: its client is told before the platform gives up. */
const JOB_SETTLED_SOON_MS = 10_000;
const LEFT: Ending = { kind: "left", sent: true, hadUsage: false };

export function createAnswering({ config, now, sleep }: AnsweringDeps): Answering {
  const idleTimeoutMs = config.upstreamIdleTimeoutMs;
  const linkOf = createLinks(config.openrouterUrl, config.audience);

  /** What was not billed may be sent again at once, which is for Postgres to know first. */
  async function settledSoon(
    { idempotency }: Pick<Order, "idempotency">,
    booking: Booking | null,
  ): Promise<void> {
    if (idempotency !== null) await settledWithin(SETTLED_SOON_MS, booking);
  }

  async function settledWithin(ms: number, booking: Booking | null): Promise<void> {
    booking?.hurry();
    await Promise.race([booking?.settled, sleep(ms)]);
  }

  /** What tells the client of an error within a stream. */
  function eventsOf({ path, model }: Ordered, requestId: string): AnswerOptions["errorEvents"] {
    return (error, seen) =>
      errorEvents(errorDialectOf(path), error, {
        ...seen,
        id: seen.id ?? requestId,
        model: seen.model ?? model ?? "",
        requestId,
        nowS: Math.floor(now() / 1000),
      });
  }

  /** @param whenHeard how the call ends that is read to its end although its client has left */
  async function passTo(
    { requestId, clientGone }: Client,
    order: Ordered,
    upstream: Upstream,
    apiKey: string | null,
    booking: Booking | null,
    whenHeard: Ending,
  ): Promise<Response> {
    const { call, isHeard, hasLinks } = order;
    const beginsJob = call?.beginsJob ?? false;
    const answer = beginsJob
      ? await wholeJob(upstream, idleTimeoutMs)
      : await wholeIfJson(upstream);
    const { status } = answer;
    const response = clientAnswer(answer, {
      apiKey,
      booking,
      whenRead: call !== null && knowsNoSuchPath(answer, call.bookedAs === null)
        ? { kind: "no_such_path" }
        : status >= 300
        ? { kind: "refused", status }
        : { kind: "answered" },
      whenHeard: isHeard ? whenHeard : null,
      linkOf: hasLinks ? linkOf : null,
      errorEvents: answer.body instanceof ReadableStream ? eventsOf(order, requestId) : null,
      idleTimeoutMs,
      clientGone,
    });
    if (status >= 300) await settledSoon(order, booking);
    // The owner of a job may ask for it at once, which is for Postgres to know first as well.
    else if (beginsJob && answer.body instanceof Uint8Array) {
      await settledWithin(JOB_SETTLED_SOON_MS, booking);
    }
    return response;
  }

  return {
    settledSoon,
    pass: (order, upstream, apiKey, booking, client) =>
      passTo(client, order, upstream, apiKey, booking, LEFT),
    async hear(order, { refusal, answer }, apiKey, booking, requestId) {
      const ending: Ending = { kind: "broken", sent: true, error: refusal };
      try {
        const nobody: Client = { requestId, clientGone: AbortSignal.abort() };
        await passTo(nobody, order, await answer, apiKey, booking, ending);
      } catch (error) {
        booking?.end(isUnconnected(error) ? { ...ending, sent: false } : ending);
      }
    },
  };
}
