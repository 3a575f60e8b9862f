/** What is open of OpenRouter's API, and what to send there. */

/** A model that every endpoint of texts takes. */
export const MODEL = "openai/gpt-4o-mini";

/** Bodies that each call endpoint answers. */
export const CALLS: Record<string, Record<string, unknown>> = {
  "/chat/completions": { model: MODEL, messages: [{ role: "user", content: "hi" }] },
  "/completions": { model: MODEL, prompt: "hi" },
  "/responses": { model: MODEL, input: "hi" },
  "/messages": { model: MODEL, max_tokens: 5, messages: [{ role: "user", content: "hi" }] },
  "/embeddings": { model: "openai/text-embedding-3-small", input: "hi" },
  "/rerank": { model: "cohere/rerank-v3.5", query: "q", documents: ["a"] },
  "/images": { model: "google/gemini-2.5-flash-image", prompt: "a cube" },
  "/audio/speech": { model: "openai/gpt-4o-mini-tts", input: "hi", voice: "alloy" },
  "/audio/transcriptions": {
    model: "openai/whisper-1",
    input_audio: { data: "aGVsbG8=", format: "wav" },
  },
  "/videos": { model: "google/veo-3.1", prompt: "a cat", duration: 4 },
  "/systemone": {
    model: MODEL,
    state: { preset: "dark" },
    questions: { container: { type: "noul", criteria: "whether it is in one" } },
  },
};

/** One path of each that the contract lists. */
export const READS = {
  "/models": "/models",
  "/models/user": "/models/user",
  "/models/*": `/models/${MODEL}/endpoints`,
  "/model/*": `/model/${MODEL}`,
  "/embeddings/models": "/embeddings/models",
  "/images/models": "/images/models",
  "/images/models/*": "/images/models/google/gemini-2.5-flash-image/endpoints",
  "/videos/models": "/videos/models",
  "/endpoints/zdr": "/endpoints/zdr",
  "/providers": "/providers",
  "/tools": "/tools",
  "/tools/*": "/tools/web_search",
  "/benchmarks": "/benchmarks",
  "/datasets/*": "/datasets/rankings-daily",
  "/classifications/task": "/classifications/task",
  "/key": "/key",
};
