/**
 * A fetch whose signal ends an answer's body as well, for as long as somebody reads it.
 *
 * Deno's fetch forgets its signal once its Response is collected as garbage, although its body is still
 * being read: whoever keeps the body alone would wait for a silent server for ever.
 */
export function abortableBodies(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  /** Each lives as long as its body. */
  const responses = new WeakMap<ReadableStream, Response>();
  function kept(response: Response): Response {
    if (response.body !== null) responses.set(response.body, response);
    return response;
  }
  return (input, init) => fetch(input, init).then(kept);
}
