/** A request that made several generations, each booked with its part. */
import { type GenerationRecord, newGenerationId } from "./ledger.ts";

/**
 * Splits a record into as many as the fault `generations` says; all have its `requestId`, the first
 * its id and what cannot be divided.
 */
export function partsOf(whole: GenerationRecord, count: number): GenerationRecord[] {
  const n = BigInt(count);
  const share = (amount: bigint, index: number) => amount / n + (index === 0 ? amount % n : 0n);
  const portion = (tokens: number, index: number) => Number(share(BigInt(tokens), index));
  return Array.from({ length: count }, (_, index) => ({
    ...whole,
    id: index === 0 ? whole.id : newGenerationId(),
    prompt: portion(whole.prompt, index),
    completion: portion(whole.completion, index),
    cost: share(whole.cost, index),
    upstreamPrompt: share(whole.upstreamPrompt, index),
    upstreamRest: share(whole.upstreamRest, index),
  }));
}
