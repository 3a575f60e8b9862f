/** One request and its answer, whatever becomes of them. */
import { sendOnce } from "../../supabase/functions/openrouter-proxy/http/send_once.ts";
import {
  isObject,
  parseJsonObject,
  utf8,
} from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import type { Random } from "../seed/random.ts";
import type { Exchange } from "./call_record.ts";

/** When a client hangs up: so many milliseconds after it asked, or chunks of the answer. */
export type Leave = { afterMs: number } | { afterChunks: number };

/** Longer than any request takes here, faults and all. */
const DEADLINE_MS = 90_000;

/** Deno's fetch would send a request a second time by itself where a pooled connection breaks. */
const fetchOnce = sendOnce(fetch);

const NO_ANSWER: Omit<Exchange, "hasLeft"> = {
  status: null,
  type: null,
  retryAfter: null,
  requestId: null,
  isWhole: false,
};

export async function exchange(
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string },
  leave: Leave | null,
): Promise<Exchange> {
  const leaving = new AbortController();
  const isOver = AbortSignal.any([leaving.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const timer = leave !== null && "afterMs" in leave
    ? setTimeout(() => leaving.abort(), leave.afterMs)
    : undefined;
  const most = leave !== null && "afterChunks" in leave ? leave.afterChunks : Infinity;
  let seen = NO_ANSWER;
  try {
    const response = await fetchOnce(url, { ...init, signal: isOver });
    const { status, headers } = response;
    seen = {
      status,
      type: null,
      retryAfter: headers.get("retry-after"),
      requestId: headers.get("x-request-id"),
      isWhole: false,
    };
    let text = "";
    let chunks = 0;
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      if (status >= 400) text += decoder.decode(chunk, { stream: true });
      if (++chunks >= most) leaving.abort();
    }
    return { ...seen, type: typeOf(text), isWhole: true, hasLeft: leaving.signal.aborted };
  } catch {
    return { ...seen, hasLeft: leaving.signal.aborted };
  } finally {
    clearTimeout(timer);
  }
}

/** The type of an error of the gateway's own (docs/protocol.md, "Errors of the gateway itself"). */
function typeOf(text: string): string | null {
  const body = parseJsonObject(utf8(text));
  if (body?.success !== false || body.type !== "error" || !isObject(body.error)) return null;
  return typeof body.error.type === "string" ? body.error.type : null;
}

/** When somebody leaves who does. */
export function someLeave(random: Random): Leave {
  return random.happens(0.5)
    ? { afterMs: random.integer(0, 250) }
    : { afterChunks: random.integer(1, 4) };
}
