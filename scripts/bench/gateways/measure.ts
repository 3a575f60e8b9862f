/** One measurement of one target. */
import type { Load, LoadResult } from "./load.ts";
import { cpuTimeMs, peakMemoryMb } from "./processes.ts";
import type { Target } from "./targets.ts";

/** What is asked for, and by how many. */
export interface Shape {
  name: string;
  stream: boolean;
  /** Between two tokens of a stream. */
  gapMs: number;
  clients: number;
  isQuick: boolean;
}

function shape(name: string, clients: number, isQuick: boolean, gapMs = 0): Shape {
  return { name, clients, isQuick, gapMs, stream: name !== "JSON" };
}

export const SHAPES: Shape[] = [
  shape("JSON", 1, true),
  shape("JSON", 8, false),
  shape("JSON", 32, true),
  shape("JSON", 128, false),
  shape("stream", 1, true),
  shape("stream", 8, false),
  shape("stream", 32, true),
  shape("stream", 128, false),
  shape("stream, 20 ms a token", 1, false, 20),
  shape("stream, 20 ms a token", 32, false, 20),
  shape("stream, 20 ms a token", 128, false, 20),
];

export interface Measured extends LoadResult {
  target: string;
  shape: string;
  clients: number;
  /** Of all its processes. */
  cpuMsPerCall: number;
  peakMemoryMb: number;
}

/** A stream of a hundred tokens that come 20 ms apart lasts two seconds. */
const SLOW_STREAM_MS = 2_500;

/** @throws {Error} where an answer was none */
export async function measure(
  { name, url, headers, pids }: Target,
  { name: shape, stream, gapMs, clients }: Shape,
  seconds: number,
): Promise<Measured> {
  const load: Load = {
    url,
    headers,
    body: JSON.stringify({
      model: "openai/gpt-4o-mini",
      messages: [{ role: "user", content: "Say hello." }],
      max_tokens: 100,
      stream,
      ...(gapMs > 0 && { gap_ms: gapMs }),
    }),
    clients,
    warmUpMs: gapMs > 0 ? 100 : 500,
    measureMs: gapMs > 0 ? SLOW_STREAM_MS : seconds * 1000,
  };
  const cpuBefore = await cpuTimeMs(pids);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("load.ts", import.meta.url).href, JSON.stringify(load)],
    stderr: "inherit",
  }).output();
  const cpuMs = await cpuTimeMs(pids) - cpuBefore;
  const result: LoadResult = JSON.parse(new TextDecoder().decode(stdout));
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} answers were none`);
  return {
    target: name,
    shape,
    clients,
    ...result,
    cpuMsPerCall: cpuMs / result.calls,
    peakMemoryMb: await peakMemoryMb(pids[0]!),
  };
}
