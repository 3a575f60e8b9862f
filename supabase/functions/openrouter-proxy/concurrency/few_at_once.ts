/** Works that are few at once: whoever comes later waits for one of those to end. */
export function fewAtOnce(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  return async (work) => {
    if (underWay < most) underWay++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever is next takes its place.
      const next = waiting.shift();
      if (next === undefined) underWay--;
      else next();
    }
  };
}
