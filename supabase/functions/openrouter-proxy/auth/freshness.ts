/** When a signed message is accepted, and how long it is remembered (protocol.md, "Authentication"). */
import { GatewayError } from "../errors.ts";

const MAX_AGE_MS = 300_000;
const MAX_AHEAD_MS = 60_000;
/** The isolate that checks a timestamp and the Postgres that forgets its key have two clocks. */
const CLOCK_MARGIN_MS = 60_000;

/**
 * @param name what the client calls its timestamp
 * @param timestampMs milliseconds since the epoch, as the client says
 * @throws {GatewayError} expired_timestamp (`server_time` in seconds)
 */
export function assertFresh(name: string, timestampMs: number, nowMs: number): void {
  const ageMs = nowMs - timestampMs;
  if (ageMs <= MAX_AGE_MS && ageMs >= -MAX_AHEAD_MS) return;
  const seconds = Math.ceil(Math.abs(ageMs) / 1000);
  throw expiredTimestamp(
    ageMs > 0
      ? `${name} is ${seconds} s old; at most ${MAX_AGE_MS / 1000} s are accepted`
      : `${name} is ${seconds} s ahead; at most ${MAX_AHEAD_MS / 1000} s are accepted`,
    nowMs,
  );
}

export function expiredTimestamp(message: string, nowMs: number): GatewayError {
  const details = { server_time: Math.floor(nowMs / 1000) };
  return new GatewayError("expired_timestamp", message, { details });
}

/** From then on, no clock of ours accepts the timestamp: the replay key may be forgotten. */
export function replayKeyExpiry(timestampMs: number): Date {
  return new Date(timestampMs + MAX_AGE_MS + CLOCK_MARGIN_MS);
}
