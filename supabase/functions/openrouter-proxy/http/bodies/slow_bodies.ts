/** Which of the bodies under way make room for another. */
import type { GatewayError } from "../../errors.ts";
import type { Pace } from "./pace.ts";

/** Whether a token has told who sends a body, or nothing has until the body is there. */
export type SenderKind = "verified" | "unverified";

/** Who sends a body. */
export interface Sender {
  readonly kind: SenderKind;
  /** The DID of a verified sender; null: it is of nobody that is known. */
  readonly did: string | null;
}

/** How long a body is not taken for slow, in ms: a few round trips. */
const GRACE_MS = 1_000;
/**
 * Per so many that wait, what does not move at all has another part less of that grace. A flood then
 * gets through the slots as fast as it comes, and whoever comes within it is not left behind.
 */
const WAITING_PER_PART = 64;
/**
 * Where memory is short, a body that holds this much, and so many times what another asks for, has no
 * grace and no claim by its pace: ordinary calls must not wait for those that are large.
 */
const LARGE_BYTES = 1024 * 1024;
const LARGE_TIMES = 4;

/** A body that is being received. */
export interface UnderWay extends Sender {
  readonly sinceMs: number;
  readonly pace: Pace;
  /** When bytes last came. */
  movedMs: number;
  /** Its read buffer included. */
  heldBytes: number;
  end(reason: GatewayError): void;
}

/** What is asked for: a slot or none, and so many bytes. */
export interface Demand extends Sender {
  readonly slots: 0 | 1;
  readonly bytes: number;
  /** The body that asks for more; null for a newcomer. */
  readonly of: UnderWay | null;
}

/**
 * Those that may be ended for a demand, the least worth keeping first.
 *
 * @param isForMemory whether memory is what is short; otherwise it is slots
 * @param waiting how many requests wait
 */
export function endable(
  underWay: Iterable<UnderWay>,
  { kind, of, bytes }: Demand,
  { nowMs, isForMemory, waiting }: { nowMs: number; isForMemory: boolean; waiting: number },
): UnderWay[] {
  const stalledAfterMs = GRACE_MS / (1 + Math.floor(waiting / WAITING_PER_PART));
  const isOld = (body: UnderWay) => nowMs - body.sinceMs >= GRACE_MS;
  // What has become slow itself may only outdo what is slower still.
  const paceLimit = of !== null && isOld(of) ? of.pace.at(nowMs) : Infinity;
  const idleLimitMs = of === null ? 0 : nowMs - of.movedMs;
  const largeBytes = Math.max(LARGE_BYTES, LARGE_TIMES * ((of?.heldBytes ?? 0) + bytes));
  const found: { body: UnderWay; stalledMs: number; worth: number }[] = [];
  for (const body of underWay) {
    if (body === of || (kind === "unverified" && body.kind === "verified")) continue;
    const idleMs = nowMs - body.movedMs;
    if (idleMs >= stalledAfterMs && idleMs > idleLimitMs) {
      found.push({ body, stalledMs: idleMs, worth: 0 });
      continue;
    }
    const isLarge = isForMemory && body.heldBytes >= largeBytes;
    if (!isLarge && !isOld(body)) continue;
    const pace = body.pace.at(nowMs);
    if (!isLarge && pace >= paceLimit) continue;
    // Memory is worth what it turns over.
    found.push({ body, stalledMs: 0, worth: isForMemory ? pace / body.heldBytes : pace });
  }
  return found.sort((a, b) => b.stalledMs - a.stalledMs || a.worth - b.worth)
    .map(({ body }) => body);
}
