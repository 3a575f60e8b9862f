/** One of a kind under way: whoever asks meanwhile gets the same promise. */
export function oneUnderWay<T>(): (key: string, begin: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (key, begin) => {
    let running = underWay.get(key);
    if (running === undefined) {
      running = begin().finally(() => underWay.delete(key));
      underWay.set(key, running);
    }
    return running;
  };
}
