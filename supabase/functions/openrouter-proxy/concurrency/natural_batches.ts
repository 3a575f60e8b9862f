/**
 * Natural batching: what comes while a call is under way goes together when that returns. What somebody
 * waits for goes at once while nothing is under way, so that one client loses no time by it, and many
 * save most of the calls. What nobody waits for gathers first, so that it goes together even of one
 * client, whose next call would share the machine with it.
 * After a call for several the next one waits for what else is ready in this turn of the event loop,
 * because what they bring about comes together: else the first would go alone, and the others after it.
 * Owners take turns, so that however much one of them asks for, the others' go with the next call.
 */
// Deno 2.1.4 has no global of this name, and makes a timer of it, of a millisecond.
import { setImmediate } from "node:timers";
import { queueInTurns } from "./queue_in_turns.ts";

/** How items are asked for. */
export interface BatchCalls<Item, Answer> {
  /** A call for one item. */
  one(item: Item): Promise<Answer>;
  /** A call for several: their answers by key. An item whose answer is missing is asked for alone. */
  many(items: Item[]): Promise<Pick<ReadonlyMap<string, Answer>, "has" | "get">>;
  /** What tells items apart; two with the same key never go together. */
  keyOf(item: Item): string;
  /** Who asks for it. */
  ownerOf(item: Item): string;
  /** Whether `many` did nothing when it failed so, and any of its items may pass that is asked for alone. */
  mayPassAlone(error: unknown): boolean;
}

export interface BatchLimits {
  /** How many items go in one call. */
  atOnce: number;
  /** How many are asked for alone at once that calls for several have left out. */
  aloneAtOnce: number;
  /**
   * How many milliseconds items wait for calls under way: then they go beside them, so that a call that
   * hangs does not hold up all others.
   */
  patienceMs: number;
  /**
   * Null where somebody waits for the answers. How many milliseconds the first of those waits for others
   * that nobody waits for; less where a call is full before, or in a hurry.
   */
  gatherMs: number | null;
}

export interface Batches<Item, Answer> {
  /** Asks for an item, alone or with others; rejects as the call for it does. */
  ask(item: Item): Promise<Answer>;
  /**
   * Somebody waits after all: what gathers, and what comes in this turn of the event loop or next, goes at
   * the end of its turn, or when the call under way returns.
   */
  hurry(): void;
}

interface Waiting<Item, Answer> {
  item: Item;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export function naturalBatches<Item, Answer>(
  { one, many, keyOf, ownerOf, mayPassAlone }: BatchCalls<Item, Answer>,
  { atOnce, aloneAtOnce, patienceMs, gatherMs }: BatchLimits,
): Batches<Item, Answer> {
  const waiting = queueInTurns<Waiting<Item, Answer>>();
  const leftOut = queueInTurns<Waiting<Item, Answer>>();
  let callsUnderWay = 0;
  /** Whether the last call was for several. */
  let wereSeveral = false;
  /** How many calls begin at the end of this turn of the event loop, or soon, if so many are needed. */
  let aboutToGo = 0;
  /** While what waits gathers. */
  let gathering: ReturnType<typeof setTimeout> | undefined;
  /** Whether what goes next does not gather. */
  let isInHurry = false;
  let aloneUnderWay = 0;
  let endOfPatience: ReturnType<typeof setTimeout> | undefined;

  /** Takes as many of those that wait as go together. */
  function takeTogether(): Waiting<Item, Answer>[] {
    if (waiting.size() === 1) return [waiting.shift()!];
    const together = new Map<string, Waiting<Item, Answer>>();
    const others: Waiting<Item, Answer>[] = [];
    while (together.size < atOnce) {
      const next = waiting.shift();
      if (next === undefined) break;
      const key = keyOf(next.item);
      if (together.has(key)) others.push(next);
      else together.set(key, next);
    }
    for (const other of others) waiting.push(ownerOf(other.item), other);
    return [...together.values()];
  }

  /** @param asked at least one */
  function callFor(asked: Waiting<Item, Answer>[]): Promise<void> {
    return asked.length > 1 ? callForSeveral(asked) : callForOne(asked[0]!);
  }

  function callForOne({ item, resolve, reject }: Waiting<Item, Answer>): Promise<void> {
    try {
      return one(item).then(resolve, reject);
    } catch (error) {
      // A bug; but what comes behind it is not held up by that.
      reject(error);
      return Promise.resolve();
    }
  }

  async function callForSeveral(asked: Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await many(asked.map(({ item }) => item)).catch((error) => {
        if (mayPassAlone(error)) return new Map<string, Answer>();
        throw error;
      });
      for (const each of asked) {
        const key = keyOf(each.item);
        if (answers.has(key)) each.resolve(answers.get(key)!);
        else leftOut.push(ownerOf(each.item), each);
      }
      askAlone();
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  function askAlone(): void {
    while (aloneUnderWay < aloneAtOnce) {
      const next = leftOut.shift();
      if (next === undefined) return;
      aloneUnderWay++;
      callForOne(next).then(() => {
        aloneUnderWay--;
        askAlone();
      });
    }
  }

  function goOn(): void {
    clearTimeout(endOfPatience);
    endOfPatience = undefined;
    if (waiting.size() === 0) return;
    const together = takeTogether();
    wereSeveral = together.length > 1;
    callsUnderWay++;
    callFor(together).then(callIsOver);
    if (waiting.size() > 0) endOfPatience = setTimeout(losePatience, patienceMs);
  }

  function callIsOver(): void {
    callsUnderWay--;
    if (waiting.size() > 0) goSoon();
  }

  function losePatience(): void {
    endOfPatience = undefined;
    if (aboutToGo === 0) goOn();
  }

  function goSoon(): void {
    if (gatherMs === null && !wereSeveral) return goOn();
    if (aboutToGo++ > 0) return;
    if (gatherMs === null || isInHurry || waiting.size() >= atOnce) setImmediate(go);
    else gathering = setTimeout(go, gatherMs);
  }

  function go(): void {
    gathering = undefined;
    const calls = aboutToGo;
    aboutToGo = 0;
    for (let n = 0; n < calls; n++) goOn();
    if (waiting.size() === 0) isInHurry = false;
  }

  function hurry(): void {
    isInHurry = true;
    endGathering();
  }

  function endGathering(): void {
    if (gathering === undefined) return;
    clearTimeout(gathering);
    gathering = undefined;
    setImmediate(go);
  }

  return {
    ask: (item) =>
      new Promise((resolve, reject) => {
        waiting.push(ownerOf(item), { item, resolve, reject });
        if (callsUnderWay > 0) endOfPatience ??= setTimeout(losePatience, patienceMs);
        else if (aboutToGo === 0) goSoon();
        if (waiting.size() >= atOnce) endGathering();
      }),
    hurry,
  };
}
