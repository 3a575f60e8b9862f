/**
 * Answers to HEAD. Their body is GET's, left out, which newer versions of Deno's server take for an empty
 * one: they tell its length, 0, where an answer tells none. A length in an answer to HEAD is that of
 * GET's body, or is not there.
 *
 * Source: RFC 9110 section 8.6.
 */

/** Statuses whose answers cannot have a body, not even an empty one. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** To HEAD, the same answer with a body of which nobody knows how long it is. Nothing of it is sent. */
export function headAnswer(request: Request, answer: Response): Response {
  // Other answers are not looked into: of one whose body was asked for Deno's server tells no length.
  if (request.method !== "HEAD" || WITHOUT_BODY.has(answer.status)) return answer;
  if (answer.body !== null || answer.headers.has("content-length")) return answer;
  return new Response(new ReadableStream({ start: (controller) => controller.close() }), answer);
}
