/** Calls back after a while. @returns what takes that back, for who waits no more */
export type CallLater = (callback: () => void) => () => void;

/**
 * One timer for all that wait the same short time: making one costs as much as passing a chunk on. There
 * is none while nobody waits.
 *
 * @param ms how long the first of those waits who wait together; the others wait less
 * @returns what calls back then; it tells those who wait apart by their callbacks
 */
export function sharedTimer(ms: number): CallLater {
  const waiting = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function callAll() {
    timer = undefined;
    const due = [...waiting];
    waiting.clear();
    for (const callback of due) callback();
  }
  return (callback) => {
    waiting.add(callback);
    timer ??= setTimeout(callAll, ms);
    return () => {
      if (!waiting.delete(callback) || waiting.size > 0) return;
      clearTimeout(timer);
      timer = undefined;
    };
  };
}
