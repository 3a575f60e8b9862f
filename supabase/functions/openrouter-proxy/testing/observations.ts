/** What is learnt of messages. */
import { parseWithExactMoney } from "../metering/told_values.ts";
import { nothingObserved, observe, type Observed, observeGeneration } from "../metering/usage.ts";

/** What these messages say, one after the other, as far as they say anything. */
export function seen(...messages: string[]): Partial<Observed> {
  const observed = nothingObserved();
  for (const message of messages) observe(observed, parseWithExactMoney(message));
  return said(observed);
}

export function seenOfGeneration(data: string, before = nothingObserved()): Partial<Observed> {
  observeGeneration(before, parseWithExactMoney(data));
  return said(before);
}

function said({ messageTokens: _, ...observed }: Observed): Partial<Observed> {
  return Object.fromEntries(Object.entries(observed).filter(([, value]) => value !== null));
}

export const chunk = (members: string) =>
  `{"id":"gen-1","choices":[{"index":0}],"usage":${members}}`;
export const USAGE = '{"prompt_tokens":37,"completion_tokens":8,"cost":0.5}';
export const BOOKED = { id: "gen-1", inputTokens: 37, outputTokens: 8, cost: "0.5" };
