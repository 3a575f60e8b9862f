/** Many requests in little time, and never so many at once that the gateway refuses them. */
const AT_ONCE = 16;

/** Does this with each item, several at the same time; rejects with the first failure, at the end. */
export async function inTurns<T>(
  items: Iterable<T>,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const turns = await Promise.allSettled(Array.from({ length: AT_ONCE }, async () => {
    for (let next = left.next(); !next.done; next = left.next()) await act(next.value);
  }));
  for (const turn of turns) if (turn.status === "rejected") throw turn.reason;
}
