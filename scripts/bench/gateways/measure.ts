/** One measurement of one target by one shape of load. */
import { type Cost, runLoad } from "./generator.ts";
import type { LoadResult } from "./load.ts";
import type { Target } from "./targets.ts";

/** What is asked for, and by how many. */
export interface Shape {
  name: string;
  stream: boolean;
  /** Between two tokens of a stream, in milliseconds. */
  gapMs: number;
  /** Between an answer and the client's next request, in milliseconds. */
  pauseMs: number;
  clients: number;
  isQuick: boolean;
}

function shape(
  name: string,
  clients: number,
  isQuick: boolean,
  { gapMs = 0, pauseMs = 0 } = {},
): Shape {
  return { name, clients, isQuick, gapMs, pauseMs, stream: name.startsWith("stream") };
}

export const SHAPES: readonly Shape[] = [
  shape("JSON", 1, true),
  shape("JSON", 8, false),
  shape("JSON", 32, true),
  shape("JSON", 128, false),
  shape("JSON, 20 ms between calls", 1, false, { pauseMs: 20 }),
  shape("stream", 1, true),
  shape("stream", 8, false),
  shape("stream", 32, true),
  shape("stream", 128, false),
  shape("stream, 20 ms a token", 1, false, { gapMs: 20 }),
  shape("stream, 20 ms a token", 32, true, { gapMs: 20 }),
  shape("stream, 20 ms a token", 128, false, { gapMs: 20 }),
];

export interface Measured extends LoadResult, Cost {
  target: string;
  shape: string;
  clients: number;
  round: number;
}

const TOKENS = 100;
/**
 * A stream of a hundred tokens that come 20 ms apart lasts two seconds: each client has one. They begin
 * one after the other, as nobody's clients begin all at once, and then go on together.
 */
const ONE_SLOW_STREAM_MS = 1_000;
const SLOW_STREAMS_BEGIN_WITHIN_MS = 800;
const WARM_UP_MS = 400;

/**
 * Loads a target until its connections are open and its code is compiled, before anything counts. V8
 * gives much of that up while nothing is asked for.
 *
 * @param seconds by calls, and by streams
 */
export async function warmUp(target: Target, seconds: number): Promise<void> {
  const busy = SHAPES.filter(({ clients, gapMs }) => clients === 32 && gapMs === 0);
  for (const shape of busy) await measure(target, shape, seconds, 0);
}

/** The body of a call, as the upstream of the bench understands it. */
export function chatBody(stream: boolean, gapMs = 0): string {
  return JSON.stringify({
    model: "openai/gpt-4o-mini",
    messages: [{ role: "user", content: "Say hello." }],
    max_tokens: TOKENS,
    stream,
    ...(gapMs > 0 && { seed: gapMs }),
  });
}

/** @throws {Error} where an answer was none */
export async function measure(
  { name, url, headers, pids }: Target,
  { name: shape, stream, gapMs, pauseMs, clients }: Shape,
  seconds: number,
  round: number,
): Promise<Measured> {
  const result = await runLoad({
    urls: [url],
    callers: [headers],
    body: chatBody(stream, gapMs),
    clients,
    spreadMs: gapMs > 0 ? SLOW_STREAMS_BEGIN_WITHIN_MS : 0,
    pauseMs,
    warmUpMs: gapMs > 0 ? 0 : WARM_UP_MS,
    measureMs: gapMs > 0 ? ONE_SLOW_STREAM_MS : seconds * 1000,
  }, pids);
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} answers were none`);
  if (result.p50 < TOKENS * gapMs) throw new Error(`${name} does not pass on the pace of a stream`);
  return { target: name, shape, clients, round, ...result };
}
