/**
 * Whose calls have ended here, and are not in the books yet. An answer is whole before its settlement is
 * in Postgres: a client that sends its next call at once, and may have no more than one under way, would
 * be refused for a call that it has seen the end of.
 */

/** As long as such a refusal would tell the client to wait. */
const LONGEST_WAIT_MS = 1_000;

/** Calls of a DID that have ended, as they were when it was asked for. */
export interface EndedCalls {
  /**
   * Waits until one of them is in the books, for a second at most. Each makes room for one who waits.
   *
   * @returns false: there is no more, or it takes too long
   */
  oneIsSettled(): Promise<boolean>;
}

export interface Settling {
  /** A call has ended. @returns what says that it is in the books, or never will be */
  begin(did: string): () => void;
  /** Null: none of its calls has ended that is not in the books. */
  callsOf(did: string): EndedCalls | null;
}

export function createSettling(sleep: (ms: number) => Promise<void>): Settling {
  const byDid = new Map<string, CallsOfDid>();

  return {
    begin(did) {
      const calls = byDid.get(did) ?? new CallsOfDid(sleep);
      byDid.set(did, calls);
      calls.unsettled++;
      return () => {
        calls.unsettled--;
        if (calls.unsettled === 0) byDid.delete(did);
        calls.settled();
      };
    },
    callsOf: (did) => byDid.get(did) ?? null,
  };
}

class CallsOfDid implements EndedCalls {
  unsettled = 0;
  /** How many are settled for whom nobody has waited. */
  #rooms = 0;
  readonly #waiting = new Set<() => void>();
  readonly #sleep: (ms: number) => Promise<void>;

  constructor(sleep: (ms: number) => Promise<void>) {
    this.#sleep = sleep;
  }

  settled(): void {
    const [first] = this.#waiting;
    if (first === undefined) this.#rooms++;
    else {
      this.#waiting.delete(first);
      first();
    }
  }

  async oneIsSettled(): Promise<boolean> {
    if (this.#rooms > 0) {
      this.#rooms--;
      return true;
    }
    if (this.#waiting.size >= this.unsettled) return false;
    const { promise: settled, resolve } = Promise.withResolvers<true>();
    const goOn = () => resolve(true);
    this.#waiting.add(goOn);
    const tooLate = this.#sleep(LONGEST_WAIT_MS).then(() => this.#waiting.delete(goOn) && false);
    return await Promise.race([settled, tooLate]);
  }
}
