/** One call of a made-up history: what it used, how it ended, what it cost. */
import { hex } from "@scure/base";
import { MODELS, type SeedModel } from "./models.ts";
import type { Person } from "./people.ts";
import type { Random } from "./random.ts";

/** A row of request_logs; times in milliseconds since the midnight (UTC) that begins the last day. */
export interface SeedRow {
  id: string;
  did: string;
  at_ms: number;
  duration_ms: number;
  method: "POST";
  endpoint: string;
  streaming: boolean;
  status: "completed" | "failed";
  http_status: number | null;
  error_message: string | null;
  model: string | null;
  provider: string | null;
  generation_id: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
  /** A decimal string in US dollars; null: not known. */
  total_cost: string | null;
  cost_source: "response" | "generation" | null;
  first_byte_ms: number | null;
  session: string | null;
  label: string | null;
}

interface Outcome {
  weight: number;
  httpStatus: number | null;
  message: string | null;
  /** What is known of what it used. */
  used: "all" | "nothing" | "unknown";
}

const OUTCOMES: readonly Outcome[] = [
  { weight: 965, httpStatus: 200, message: null, used: "all" },
  { weight: 9, httpStatus: 429, message: "429: Rate limit exceeded", used: "nothing" },
  {
    weight: 8,
    httpStatus: 400,
    message: "400: No endpoints found that support tool use",
    used: "nothing",
  },
  { weight: 4, httpStatus: 502, message: "502: Provider returned error", used: "nothing" },
  { weight: 5, httpStatus: 200, message: "client_disconnected", used: "all" },
  { weight: 4, httpStatus: 200, message: "client_disconnected", used: "unknown" },
  {
    weight: 3,
    httpStatus: null,
    message: "upstream_timeout: OpenRouter sent no response headers within 145000 ms",
    used: "unknown",
  },
  {
    weight: 2,
    httpStatus: 200,
    message: "worker_lost: the gateway ended before it could book this request",
    used: "unknown",
  },
];
/** While a provider has a bad afternoon. */
const BAD_AFTERNOON = OUTCOMES.map((outcome) =>
  outcome.httpStatus === 502 ? { ...outcome, weight: 450 } : outcome
);

/** @param isBadAfternoon whether providers fail more often than not */
export function makeCall(
  person: Person,
  atMs: number,
  session: string | null,
  isBadAfternoon: boolean,
  random: Random,
): SeedRow {
  const model = MODELS[random.index(person.models)]!;
  const outcomes = isBadAfternoon ? BAD_AFTERNOON : OUTCOMES;
  const { httpStatus, message, used } =
    outcomes[random.index(outcomes.map(({ weight }) => weight))]!;
  const usage = usageOf(model, random);
  const firstByteMs = Math.round(random.around(model.firstByteMs, 1.7));
  const isAnswered = httpStatus === 200;
  const isTimeout = httpStatus === null;
  return {
    id: uuid(random),
    did: person.did,
    at_ms: atMs,
    duration_ms: isTimeout ? 145_000 : firstByteMs +
      (isAnswered ? Math.round(usage.output / model.speed * 1000) : 5),
    method: "POST",
    endpoint: model.endpoint,
    streaming: model.endpoint !== "/embeddings" && random.happens(0.7),
    status: message === null ? "completed" : "failed",
    http_status: httpStatus,
    error_message: message,
    model: model.id,
    provider: isAnswered ? model.provider : null,
    generation_id: isAnswered ? `gen-seed-${hex.encode(random.bytes(10))}` : null,
    input_tokens: used === "all" ? usage.input : null,
    output_tokens: used === "all" ? usage.output : null,
    cached_tokens: used === "all" ? usage.cached : null,
    reasoning_tokens: used === "all" ? usage.reasoning : null,
    total_cost: used === "all" ? costOf(model, usage) : used === "nothing" ? "0" : null,
    cost_source: used === "unknown"
      ? null
      : message === "client_disconnected"
      ? "generation"
      : "response",
    first_byte_ms: isTimeout ? null : firstByteMs,
    session,
    label: person.label,
  };
}

interface Usage {
  input: number;
  cached: number;
  output: number;
  reasoning: number;
}

function usageOf(model: SeedModel, random: Random): Usage {
  const input = Math.max(1, Math.round(random.around(model.input, 2)));
  const output = model.output === 0 ? 0 : Math.max(1, Math.round(random.around(model.output, 2)));
  return {
    input,
    cached: random.happens(0.3) ? Math.floor(input * 0.8 * random.fraction()) : 0,
    output,
    reasoning: Math.floor(output * model.reasoning * random.fraction()),
  };
}

/** A decimal string in US dollars, exact: a price is millionths of a dollar for a million tokens. */
function costOf(model: SeedModel, { input, cached, output }: Usage): string {
  const picoUsd = (input - cached) * model.inputPrice + cached * model.cachedPrice +
    output * model.outputPrice;
  const digits = String(picoUsd).padStart(13, "0");
  const decimal = `${digits.slice(0, -12)}.${digits.slice(-12)}`;
  return decimal.replace(/\.?0+$/, "");
}

/** Version 4, as request ids are. */
function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return hex.encode(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
