/** OpenRouter's own SDK, whose validators know the shape of every answer. */
import { OpenRouter } from "@openrouter/sdk";
import assert from "node:assert/strict";
import { withSimulator } from "./testing.ts";

const MODEL = "openai/gpt-4o-mini";
const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};
const CHAT = { model: MODEL, messages: [{ role: "user" as const, content: "one two" }] };
const CHAT_TOOLS = [{
  type: "function" as const,
  function: { name: "get_weather", parameters: PARAMETERS },
}];
const RESPONSE = { model: MODEL, input: "one two" };
const RESPONSE_TOOLS = [{ type: "function" as const, name: "get_weather", parameters: PARAMETERS }];
const MODEL_PATH = { author: "openai", slug: "gpt-4o-mini" };

/** What is asked, for an answer or for the events of a stream. */
const CALLS: Record<string, (sdk: OpenRouter) => Promise<unknown>> = {
  "chat": (sdk) => sdk.chat.send({ chatRequest: CHAT }),
  "chat with tools": (sdk) => sdk.chat.send({ chatRequest: { ...CHAT, tools: CHAT_TOOLS } }),
  "chat as a stream": (sdk) => sdk.chat.send({ chatRequest: { ...CHAT, stream: true } }),
  "chat with tools as a stream": (sdk) =>
    sdk.chat.send({ chatRequest: { ...CHAT, tools: CHAT_TOOLS, stream: true } }),
  "a chat that breaks off": (sdk) =>
    sdk.chat.send({ chatRequest: { ...CHAT, model: "simulate/error:502:1", stream: true } }),
  "responses": (sdk) => sdk.beta.responses.send({ responsesRequest: RESPONSE }),
  "responses with tools": (sdk) =>
    sdk.beta.responses.send({ responsesRequest: { ...RESPONSE, tools: RESPONSE_TOOLS } }),
  "responses as a stream": (sdk) =>
    sdk.beta.responses.send({ responsesRequest: { ...RESPONSE, stream: true } }),
  "responses with tools as a stream": (sdk) =>
    sdk.beta.responses.send({
      responsesRequest: { ...RESPONSE, tools: RESPONSE_TOOLS, stream: true },
    }),
  "a response that breaks off": (sdk) =>
    sdk.beta.responses.send({
      responsesRequest: { ...RESPONSE, model: "simulate/error:502:1", stream: true },
    }),
  "models": (sdk) => sdk.models.list(),
  "the count of models": (sdk) => sdk.models.count(),
  "one model": (sdk) => sdk.models.get(MODEL_PATH),
  "models of embeddings": (sdk) => sdk.embeddings.listModels(),
  "models of images": (sdk) => sdk.images.listModels(),
  "endpoints of a model of images": (sdk) =>
    sdk.images.listModelEndpoints({ author: "google", slug: "gemini-2.5-flash-image" }),
  "models of videos": (sdk) => sdk.videoGeneration.listVideosModels(),
  "benchmarks": (sdk) => sdk.benchmarks.getBenchmarks(),
  "daily rankings": (sdk) => sdk.datasets.getRankingsDaily(),
  "rankings of apps": (sdk) => sdk.datasets.getAppRankings(),
  "what sessions cost": (sdk) => sdk.datasets.getSessionCost(),
  "classifications of tasks": (sdk) => sdk.classifications.getTaskClassifications(),
  "endpoints of a model": (sdk) => sdk.endpoints.list(MODEL_PATH),
  "endpoints that keep nothing": (sdk) => sdk.endpoints.listZdrEndpoints(),
  "providers": (sdk) => sdk.providers.list(),
  "the key": (sdk) => sdk.apiKeys.getCurrentKeyMetadata(),
  "credits": (sdk) => sdk.credits.getCredits(),
  "a generation": async (sdk) => {
    const answer = await sdk.chat.send({ chatRequest: CHAT });
    return await sdk.generations.getGeneration({ id: (answer as { id: string }).id });
  },
  "embeddings": (sdk) =>
    sdk.embeddings.generate({
      requestBody: { model: "openai/text-embedding-3-small", input: ["one", "two"] },
    }),
  "embeddings in base64": (sdk) =>
    sdk.embeddings.generate({
      requestBody: {
        model: "openai/text-embedding-3-small",
        input: "one",
        encodingFormat: "base64",
      },
    }),
  "an image": (sdk) =>
    sdk.images.generate({
      imageGenerationRequest: { model: "google/gemini-2.5-flash-image", prompt: "x" },
    }),
  "images as a stream": (sdk) =>
    sdk.images.generate({
      imageGenerationRequest: { model: "google/gemini-2.5-flash-image", prompt: "x", stream: true },
    }),
  "images that break off": (sdk) =>
    sdk.images.generate({
      imageGenerationRequest: { model: "simulate/error:502:1", prompt: "x", n: 2, stream: true },
    }),
  "a video": (sdk) =>
    sdk.videoGeneration.generate({
      videoGenerationRequest: { model: "google/veo-3.1", prompt: "x" },
    }),
  "decisions": (sdk) =>
    sdk.systemOne.create({
      decisionsRequest: {
        model: MODEL,
        state: "one",
        questions: {
          a: { type: "choice", instructions: "?", criteria: { b: null } },
          c: { type: "noul", instructions: "?" },
          d: { type: "score", instructions: "?", criteria: ["e"] },
        },
      },
    }),
  "rerank": (sdk) =>
    sdk.rerank.rerank({
      requestBody: { model: "cohere/rerank-v3.5", query: "q", documents: ["a", "b"] },
    }),
  "a transcription of JSON": (sdk) =>
    sdk.stt.createTranscription({
      sttRequest: {
        model: "openai/whisper-1",
        inputAudio: { data: btoa("sound"), format: "wav" },
      },
    }),
};

for (const [name, ask] of Object.entries(CALLS)) {
  Deno.test(`@openrouter/sdk takes the answer for ${name}`, () =>
    withSimulator(async ({ simulator, key }) => {
      const sdk = new OpenRouter({
        apiKey: key,
        serverURL: simulator.url,
        retryConfig: { strategy: "none" },
      });
      const answer = await ask(sdk) as object;
      const events = Symbol.asyncIterator in answer
        ? await Array.fromAsync(answer as AsyncIterable<object>)
        : [answer];
      assert.ok(events.length > 0);
      for (const event of events) assert.ok(!("isUnknown" in event), JSON.stringify(event));
    }));
}
