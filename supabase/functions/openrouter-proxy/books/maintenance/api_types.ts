/** Which endpoint a generation came from, by what OpenRouter calls it. */

/** `api_type` of `GET /generation` → the endpoint as request_logs has it. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  completions: "/chat/completions",
  responses: "/responses",
  messages: "/messages",
  embeddings: "/embeddings",
  rerank: "/rerank",
  systemone: "/systemone",
  images: "/images",
  transcriptions: "/audio/transcriptions",
  speech: "/audio/speech",
  videos: "/videos",
};

/** Null: OpenRouter does not say, or says something new. */
export function endpointOf(apiType: unknown): string | null {
  return typeof apiType === "string" && Object.hasOwn(ENDPOINTS, apiType)
    ? ENDPOINTS[apiType]!
    : null;
}
