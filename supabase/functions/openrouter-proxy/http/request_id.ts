/** The names of the header that tells a request's id: OpenAI's SDKs read the first, Anthropic's the second. */
export const REQUEST_ID_HEADERS = ["x-request-id", "request-id"] as const;

/** Tells a request's id in its answer, in place of what OpenRouter told there of its own. */
export function setRequestId(headers: Headers, requestId: string): void {
  for (const name of REQUEST_ID_HEADERS) headers.set(name, requestId);
}
