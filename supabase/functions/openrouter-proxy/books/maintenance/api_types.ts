/** Which endpoint a generation came from, by what OpenRouter calls it. */

/**
 * `api_type` of `GET /generation` → the endpoint as request_logs has it. Responses and Messages are
 * completions, too.
 *
 * Source: openrouter.md, "GET /generation".
 */
const ENDPOINTS: Readonly<Record<string, string>> = {
  completions: "/chat/completions",
  embeddings: "/embeddings",
  rerank: "/rerank",
  decisions: "/systemone",
  image: "/images",
  stt: "/audio/transcriptions",
  tts: "/audio/speech",
  video: "/videos",
};

/** Null: OpenRouter does not say, or says something new. */
export function endpointOf(apiType: unknown): string | null {
  return typeof apiType === "string" && Object.hasOwn(ENDPOINTS, apiType)
    ? ENDPOINTS[apiType]!
    : null;
}
