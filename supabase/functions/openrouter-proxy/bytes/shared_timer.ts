/**
 * One timer for all that wait the same short time: making one costs as much as passing a chunk on.
 *
 * @param ms how long the first of those waits who wait together; the others wait less
 * @returns what calls back then
 */
export function sharedTimer(ms: number): (callback: () => void) => void {
  let waiting: (() => void)[] = [];
  function callAll() {
    const due = waiting;
    waiting = [];
    for (const callback of due) callback();
  }
  return (callback) => {
    if (waiting.push(callback) === 1) setTimeout(callAll, ms);
  };
}
