/**
 * The Messages API counts in parts, which come in several messages: what it reads of its cache and
 * writes to it stands beside `input_tokens`, and what a compaction takes stands in `iterations` alone.
 *
 * Source: docs/openrouter.md, "Where usage sits, by endpoint".
 */
import { isObject } from "../bytes/encodings.ts";
import { count, type Json, latest, MAX_COUNT } from "./told_values.ts";

/** What was learnt so far. Null: not said yet. */
export interface MessageTokens {
  input: number | null;
  cacheRead: number | null;
  cacheWritten: number | null;
  output: number | null;
  compactionInput: number;
  compactionOutput: number;
}

export function noMessageTokens(): MessageTokens {
  return {
    input: null,
    cacheRead: null,
    cacheWritten: null,
    output: null,
    compactionInput: 0,
    compactionOutput: 0,
  };
}

/** Adds what one message counts. Before its end a message that has read nothing has not been counted. */
export function observeMessageTokens(
  seen: MessageTokens,
  usage: Json,
  isPreliminary: boolean,
): void {
  const input = count(usage.input_tokens);
  const cacheRead = count(usage.cache_read_input_tokens);
  const cacheWritten = count(usage.cache_creation_input_tokens);
  if (isPreliminary && !input && !cacheRead && !cacheWritten) return;
  seen.input = latest(seen.input, input);
  seen.cacheRead = latest(seen.cacheRead, cacheRead);
  seen.cacheWritten = latest(seen.cacheWritten, cacheWritten);
  if (!isPreliminary) seen.output = latest(seen.output, count(usage.output_tokens));
  if (!Array.isArray(usage.iterations)) return;
  const compactions = usage.iterations.filter(isObject)
    .filter(({ type }) => type === "compaction");
  seen.compactionInput = sum(compactions, [
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
  ]);
  seen.compactionOutput = sum(compactions, ["output_tokens"]);
}

/** All that the model read. */
export function messageInput(tokens: MessageTokens): number | null {
  const { input, cacheRead, cacheWritten, compactionInput } = tokens;
  return input === null ? null : input + (cacheRead ?? 0) + (cacheWritten ?? 0) + compactionInput;
}

/** All that it wrote. */
export function messageOutput({ output, compactionOutput }: MessageTokens): number | null {
  return output === null ? null : output + compactionOutput;
}

function sum(parts: Json[], members: string[]): number {
  const counts = parts.flatMap((part) => members.map((member) => count(part[member]) ?? 0));
  return Math.min(counts.reduce((total, next) => total + next, 0), MAX_COUNT);
}
