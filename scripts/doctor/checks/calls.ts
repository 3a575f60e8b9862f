/** What a person's calls meet with. */
import { isObject } from "../../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import { parseKeepingDecimals } from "../../../supabase/functions/openrouter-proxy/bytes/decimal.ts";
import {
  usdOfCredits,
  usdText,
  usdUnits,
} from "../../../supabase/functions/openrouter-proxy/bytes/usd.ts";
import { readPriceList } from "../../../supabase/functions/openrouter-proxy/policy/price_list.ts";
import { bad, type Check, ok, unchecked } from "../check.ts";
import { makePaidCall, type PaidCall, paidCall } from "../paid_call.ts";
import { type Answer, errorOf, type Patient } from "../patient.ts";

const READ_ONLY = "--read-only: it costs a fraction of a cent";

export const signedRequest: Check = {
  name: "signed request",
  looksAt: "a request that a DID signs is answered, and one that nobody signs is refused",
  after: ["clock", "audience"],
  remedyOfError: "Look at the function's log.",
  async look({ askSigned, get, identity, mayChange }) {
    const unsigned = await get("/api/v1/limits");
    if (unsigned.status !== 401) {
      return bad(`an unsigned request: ${errorOf(unsigned)}`, "Deploy the function again.");
    }
    if (!mayChange) return unchecked("--read-only: no identity is made");
    const { did } = await identity();
    const answer = await askSigned("GET", "/api/v1/limits");
    const { data } = answer.json as { data?: { did?: string; access?: string } };
    if (answer.status === 200 && data?.did === did && data.access !== "blocked") return ok(did);
    return bad(
      answer.status === 200 ? `${did} is ${data?.access}` : errorOf(answer),
      answer.status === 403 || data?.access === "blocked"
        ? `Let the doctor in: select allow_did('${did}');`
        : "Look at what the message names: docs/protocol.md, Errors.",
    );
  },
};

/** Text that comes over a longer time than this was not held back. */
const SPREAD_MS = 50;
/** What takes no longer than this in all cannot be told from what was held back, nor matters. */
const QUICK_MS = 500;

/** Whether something between here and the model may have kept the answer until it was complete. */
export function looksHeldBack({ tookMs, spreadMs }: Pick<PaidCall, "tookMs" | "spreadMs">) {
  return spreadMs < SPREAD_MS && tookMs > QUICK_MS;
}

export const streaming: Check = {
  name: "streaming",
  looksAt: "a streamed answer arrives in pieces while it is written",
  after: ["signed request"],
  remedyOfError: "Look at what the message names. 402 and 403 are limits of the gateway's or of\n" +
    "OpenRouter's account, or of its guardrail: credits, or another --model.",
  async look(patient) {
    if (!patient.mayChange) return unchecked(READ_ONLY);
    const first = await paidCall(patient);
    // The first call of a DID waits for its key: a second one says whether it was that.
    const call = looksHeldBack(first) ? await makePaidCall(patient) : first;
    const pieces = call.pieces === 1 ? "1 piece" : `${call.pieces} pieces`;
    const took = `${pieces} within ${Math.round(call.spreadMs)} ms`;
    const whole = `of ${Math.round(call.tookMs)} ms`;
    if (!looksHeldBack(call)) return ok(`${took} ${whole}`);
    return bad(
      `the whole text came at once (${took}) at the end ${whole}`,
      "Something in front of the gateway collects answers: switch off buffering of\n" +
        "text/event-stream there (nginx: proxy_buffering off).",
    );
  },
};

/** OpenRouter knows of a generation about ten seconds after it. */
const WAITS_MS = [0, 2_000, 4_000, 8_000, 16_000, 30_000];

/** Asks until the answer is there; otherwise the last answer. */
async function patiently(
  { sleep }: Patient,
  ask: () => Promise<Answer>,
  isThere: (answer: Answer) => boolean,
): Promise<Answer> {
  let answer: Answer;
  for (const wait of WAITS_MS) {
    if (wait > 0) await sleep(wait);
    answer = await ask();
    if (isThere(answer)) break;
  }
  return answer!;
}

/** A number of the member `data`, as it was written; null: it is not there. */
function amountIn({ text }: Answer, name: string): string | null {
  const answer = parseKeepingDecimals(text, new Set([name]));
  const value = isObject(answer) && isObject(answer.data) ? answer.data[name] : null;
  return typeof value === "string" ? value : null;
}

const usdPerCredit = ({ variables }: Patient) => variables.OPENROUTER_USD_PER_CREDIT ?? "1";

/** What the list says that a call costs, in units of 1e-18 USD; null: it has no price for the model. */
async function listedPrice(patient: Patient, { usage }: PaidCall): Promise<bigint | null> {
  const path = "/api/v1/openrouter/models?output_modalities=all";
  const answer = await patient.askSigned("GET", path);
  if (answer.status !== 200) throw new Error(`the price list: ${errorOf(answer)}`);
  const listed = readPriceList(answer.text).get(patient.model.toLowerCase());
  if (listed === undefined || listed.isRouter || usage.cachedTokens > 0) return null;
  const { prompt = 0n, completion = 0n, request = 0n } = listed.prices;
  return prompt * BigInt(usage.promptTokens) + completion * BigInt(usage.completionTokens) +
    request;
}

export const cost: Check = {
  name: "cost",
  looksAt: "a call's usage.cost is what OpenRouter's /generation and its price list say",
  after: ["streaming"],
  remedyOfError: "Look at what the message names, or try again.",
  async look(patient) {
    if (!patient.mayChange) return unchecked(READ_ONLY);
    const call = await paidCall(patient);
    const path = `/api/v1/openrouter/generation?id=${encodeURIComponent(call.generationId)}`;
    const answer = await patiently(
      patient,
      () => patient.askSigned("GET", path),
      ({ status }) => status !== 404,
    );
    if (answer.status !== 200) throw new Error(`/generation: ${errorOf(answer)}`);
    const charged = amountIn(answer, "total_cost");
    if (charged === null || usdUnits(charged) !== usdUnits(call.usage.cost)) {
      return bad(
        `the answer said ${call.usage.cost} credits, /generation says ${charged}`,
        "OpenRouter told two prices of one call: ask its support, with the generation's id\n" +
          call.generationId,
      );
    }
    const usd = usdOfCredits(call.usage.cost, usdPerCredit(patient));
    const listed = await listedPrice(patient, call);
    if (listed !== null && listed !== usdUnits(usd)) {
      return bad(
        `the call cost $${usd}, by the price list $${usdText(listed)}`,
        "If they differ by powers of ten: OPENROUTER_USD_PER_CREDIT is wrong (1 is right).\n" +
          "Otherwise another provider than the listed one ran the call: try another --model.",
      );
    }
    const agreed = listed === null ? "/generation" : "/generation and the price list";
    return ok(
      `$${usd} for ${call.usage.promptTokens} + ${call.usage.completionTokens} tokens, as ${agreed}`,
    );
  },
};

export const booked: Check = {
  name: "books",
  looksAt: "the gateway has booked what that call cost",
  after: ["cost"],
  remedyOfError: "Look at the function's log.",
  async look(patient) {
    if (!patient.mayChange) return unchecked(READ_ONLY);
    const call = await paidCall(patient);
    const answer = await patiently(
      patient,
      () => patient.askSigned("GET", `/api/v1/usage/requests/${call.requestId}`),
      (found) => found.status === 200 && amountIn(found, "cost") !== null,
    );
    if (answer.status !== 200) throw new Error(`request ${call.requestId}: ${errorOf(answer)}`);
    const found = amountIn(answer, "cost");
    const usd = usdOfCredits(call.usage.cost, usdPerCredit(patient));
    if (found !== null && usdUnits(found) === usdUnits(usd)) return ok(`$${found}`);
    return bad(
      `$${found} is booked of a call that cost $${usd}`,
      "Where null is booked, maintenance finds the cost: deno task maintain. Otherwise look whether\n" +
        "OPENROUTER_USD_PER_CREDIT is the function's here, too.",
    );
  },
};
