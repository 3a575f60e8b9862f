/** The one call that costs: a streamed chat of a few tokens, of which several checks look at a part. */
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import { parseKeepingDecimals } from "../../supabase/functions/openrouter-proxy/bytes/decimal.ts";
import { errorOf, type Patient, readAnswer } from "./patient.ts";

export interface PaidCall {
  /** x-request-id: the row in the books. */
  requestId: string;
  generationId: string;
  /** From sending the request to the end of the answer. */
  tookMs: number;
  /** From the first piece of text that came to the last. */
  spreadMs: number;
  /** How many reads brought text. */
  pieces: number;
  /** Of the answer; the cost in OpenRouter's credits, as it was written. */
  usage: { cost: string; promptTokens: number; completionTokens: number; cachedTokens: number };
}

const PATH = "/api/v1/openrouter/chat/completions";
const EXACT = new Set(["cost"]);

/** Makes the call. @throws {Error} in words, where the answer is no such stream */
export async function makePaidCall({ signed, model, elapsedMs }: Patient): Promise<PaidCall> {
  const started = elapsedMs();
  const response = await signed(
    "POST",
    PATH,
    JSON.stringify({
      model,
      max_tokens: 64,
      stream: true,
      messages: [{
        role: "user",
        content: "Count from 1 to 40, with a space between the numbers.",
      }],
    }),
  );
  if (!response.ok || response.body === null) {
    throw new Error(`a call of ${model}: ${errorOf(await readAnswer(response))}`);
  }
  let text = "";
  const times: number[] = [];
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    if (/"content": ?"[^"]/.test(piece)) times.push(elapsedMs());
    text += piece;
  }
  const generationId = response.headers.get("x-generation-id") ??
    /"id": ?"([^"]+)"/.exec(text)?.[1];
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    generationId: generationId ?? "",
    tookMs: elapsedMs() - started,
    spreadMs: (times.at(-1) ?? 0) - (times[0] ?? 0),
    pieces: times.length,
    usage: usageIn(text),
  };
}

/** The last usage among the events of a stream. */
function usageIn(text: string): PaidCall["usage"] {
  const usage = [...text.matchAll(/^data: ?(\{.*\})$/gm)].map(([, json]) => {
    const event = parseKeepingDecimals(json!, EXACT);
    return isObject(event) && isObject(event.usage) ? event.usage : null;
  }).findLast((found) => found !== null);
  if (!usage || typeof usage.cost !== "string") {
    throw new Error(`the stream told no cost: ${text.slice(-200)}`);
  }
  const details = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  return {
    cost: usage.cost,
    promptTokens: Number(usage.prompt_tokens),
    completionTokens: Number(usage.completion_tokens),
    cachedTokens: Number(details.cached_tokens ?? 0),
  };
}

const calls = new WeakMap<Patient, Promise<PaidCall>>();

/** The call, made once for all who look at it. */
export function paidCall(patient: Patient): Promise<PaidCall> {
  const call = calls.get(patient) ?? makePaidCall(patient);
  calls.set(patient, call);
  return call;
}
