/**
 * A generation as server-sent events: one order of events for all endpoints, with every fault that
 * strikes inside a stream. An endpoint brings its Dialect.
 *
 * Source: openrouter.md, "SSE".
 */
import type { Answer, Step } from "./answer.ts";
import type { Completion, Part } from "./completion.ts";
import { breakPoint } from "./faults.ts";
import type { Generation } from "./generation.ts";
import { besideError, type InnerError, innerError } from "./inner_error.ts";
import type { Figures } from "./ledger.ts";

/** An event: its `data`, or that with an event name. */
export type SseEvent = string | { event: string; data: string };

/** The events of one endpoint. */
export interface Dialect {
  opening(): SseEvent[];
  /** What comes before and after the tokens of a part; `index` counts the parts. */
  begin(part: Part, index: number): SseEvent[];
  delta(text: string, part: Part, index: number): SseEvent;
  end(part: Part, index: number): SseEvent[];
  closing(): SseEvent[];
  /** The events that carry usage: with figures, with null, or without any where undefined. */
  usage(figures: Figures | null | undefined): SseEvent[];
  error(error: InnerError): SseEvent[];
  done: SseEvent[];
}

/** Shapes a generation as an event stream that settles it, whether it ends or is left. */
export function sseAnswer(
  generation: Generation,
  completion: Completion,
  dialect: Dialect,
): Answer {
  const { faults } = generation.call;
  const steps = events(generation, completion, dialect);
  return {
    status: 200,
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      ...generation.headers,
    },
    body: faults.has("unterminated") ? unterminated(steps) : steps,
    closed: () => generation.abandon(),
  };
}

function* events(
  generation: Generation,
  completion: Completion,
  dialect: Dialect,
): Generator<Step> {
  const { faults } = generation.call;
  const eol = faults.has("crlf") ? "\r\n" : faults.has("cr") ? "\r" : "\n";
  const colon = faults.has("no-space") ? ":" : ": ";
  const frame = (event: SseEvent) =>
    typeof event === "string"
      ? `data${colon}${event}${eol}${eol}`
      : `event${colon}${event.event}${eol}data${colon}${event.data}${eol}${eol}`;
  const broken = breakPoint(faults);
  const inner = innerError(generation.call);
  const slowMs = faults.number("slow");

  if (broken?.at === 0) yield broken.step;
  for (let n = faults.number("comments") ?? 2; n > 0; n--) {
    yield `: OPENROUTER PROCESSING${eol}${eol}`;
  }
  const opens = inner?.afterChunks !== 0;
  if (opens) { for (const event of dialect.opening()) yield frame(event); }
  if (faults.has("debug")) { for (const event of debugEvents(generation)) yield frame(event); }

  const chunks = Math.min(completion.tokens, inner?.afterChunks ?? Infinity);
  const breakAt = broken === null ? -1 : Math.min(broken.at, chunks);
  let chunk = 0;
  for (const [index, part] of completion.parts.entries()) {
    if (chunk === chunks && chunks > 0) break;
    if (opens) { for (const event of dialect.begin(part, index)) yield frame(event); }
    for (let piece = 0; piece < part.tokens && chunk < chunks; piece++) {
      chunk++;
      if (slowMs !== undefined && chunk > 1) yield { waitMs: slowMs };
      generation.sent = chunk;
      yield frame(dialect.delta(part.piece(piece), part, index));
      if (faults.has("running-usage")) {
        for (const event of dialect.usage(generation.figures(chunk))) yield frame(event);
      }
      if (broken !== null && chunk === breakAt) yield broken.step;
    }
    if (inner === null) { for (const event of dialect.end(part, index)) yield frame(event); }
  }
  if (inner !== null) {
    generation.settle(generation.figures(chunks));
    const bare = { error: inner.error, ...besideError(generation.call) };
    const events = faults.has("bare-error") ? [JSON.stringify(bare)] : dialect.error(inner.error);
    for (const event of events) yield frame(event);
    return;
  }
  for (const event of tail(generation, dialect)) yield frame(event);
}

function* tail(generation: Generation, dialect: Dialect): Generator<SseEvent> {
  const { faults } = generation.call;
  // Booked before the client can know that the answer is complete
  const figures = generation.settle();
  yield* dialect.closing();
  if (faults.has("no-usage")) {
    yield* dialect.usage(undefined);
  } else {
    if (faults.has("usage-twice")) yield* dialect.usage(generation.figures(0));
    yield* dialect.usage(figures);
    if (faults.has("null-usage")) yield* dialect.usage(null);
  }
  if (!faults.has("no-done")) yield* dialect.done;
}

function debugEvents({ id, modelId }: Generation): string[] {
  const chunk = { id, object: "chat.completion.chunk", model: modelId, choices: [] };
  return [
    JSON.stringify({ ...chunk, debug: { echo_upstream_body: { model: modelId } } }),
    JSON.stringify({ ...chunk, openrouter_metadata: { region: "fra", attempt: 1 } }),
  ];
}

/** Takes the line ends off the last event. */
function* unterminated(steps: Iterable<Step>): Generator<Step> {
  let last: string | null = null;
  for (const step of steps) {
    if (last !== null) yield last;
    last = typeof step === "string" ? step : null;
    if (typeof step !== "string") yield step;
  }
  if (last !== null) yield last.trimEnd();
}
