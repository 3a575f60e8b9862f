/**
 * Whose calls have ended here, and are not in the books yet. An answer is whole before its settlement is
 * in Postgres: a client that goes on at once would be refused for what it has seen the end of, or not be
 * told of it.
 */

/** As long as a refusal for calls under way would tell the client to wait. */
const LONGEST_WAIT_MS = 1_000;

/** Calls of a DID that had ended when it was asked for them. */
export interface EndedCalls {
  /** Waits until they are in the books, for a second at most. */
  areSettled(): Promise<void>;
}

export interface Settling {
  /** A call has ended. @param settled ends when it is in the books, or never will be */
  add(did: string, settled: Promise<unknown>): void;
  /** Null: none of its calls has ended that is not in the books. */
  callsOf(did: string): EndedCalls | null;
}

export interface SettlingDeps {
  /** Lets no settlement wait for others, because somebody waits for it. */
  hurry: () => void;
  sleep: (ms: number) => Promise<void>;
}

export function createSettling({ hurry, sleep }: SettlingDeps): Settling {
  const byDid = new Map<string, Set<Promise<unknown>>>();

  return {
    add(did, settled) {
      const calls = byDid.get(did) ?? new Set();
      byDid.set(did, calls);
      calls.add(settled);
      const remove = () => {
        calls.delete(settled);
        if (calls.size === 0) byDid.delete(did);
      };
      settled.then(remove, remove);
    },
    callsOf(did) {
      const calls = byDid.get(did);
      if (calls === undefined) return null;
      const ended = [...calls];
      return {
        async areSettled() {
          if (calls.size > 0) hurry();
          await Promise.race([Promise.allSettled(ended), sleep(LONGEST_WAIT_MS)]);
        },
      };
    },
  };
}
