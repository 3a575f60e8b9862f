/** Responses that several operations have stand once, under `components`. */

type Responses = Record<string, unknown>;
type Paths = Record<string, Record<string, { responses: Responses }>>;

/**
 * @returns the paths with references in the place of their responses, and what those refer to: by the
 *   status, and a number where responses with one status differ
 */
export function shareResponses(
  paths: Paths,
): { paths: Record<string, unknown>; responses: Responses } {
  const names = new Map<string, string>();
  const responses: Responses = {};

  function referenceTo(status: string, response: unknown) {
    const text = `${status} ${JSON.stringify(response)}`;
    let name = names.get(text);
    if (name === undefined) {
      let number = 1;
      do name = `${status}-${number++}`; while (name in responses);
      names.set(text, name);
      responses[name] = response;
    }
    return { $ref: `#/components/responses/${name}` };
  }

  const shared = mapValues(paths, (item) =>
    mapValues(item, ({ responses, ...operation }) => ({
      ...operation,
      responses: mapValues(responses, (response, status) => referenceTo(status, response)),
    })));
  return { paths: shared, responses };
}

function mapValues<T, U>(record: Record<string, T>, map: (value: T, key: string) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
