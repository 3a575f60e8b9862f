import assert from "node:assert/strict";
import { endpointOf } from "./api_types.ts";
import { byRequest, type FoundRequest } from "./found_requests.ts";

type Counts = [
  input: number | null,
  output: number | null,
  cached: number | null,
  reasoning: number | null,
];

function found(id: string, requestId: string | null, atMs: number, counts: Counts): FoundRequest {
  const [inputTokens, outputTokens, cachedTokens, reasoningTokens] = counts;
  return {
    requestId,
    call: {
      did: "did:key:z6Mk",
      generations: [{ id, cost: "0.5", upstreamCost: null }],
      createdAt: new Date(atMs),
      endpoint: "/messages",
      streaming: false,
      model: `model of ${id}`,
      provider: null,
      nativeFinishReason: null,
      inputTokens,
      outputTokens,
      cachedTokens,
      reasoningTokens,
      upstreamCost: null,
      usdPerCredit: "1",
    },
  };
}

/** What is told of requests: their generations, their first one's model, and their tokens. */
function joined(...all: FoundRequest[]) {
  return byRequest(all).map(({ call }) => [
    call.generations.map(({ id }) => id).join(),
    call.model,
    [call.inputTokens, call.outputTokens, call.cachedTokens, call.reasoningTokens],
  ]);
}

Deno.test("a request's generations are one call, the earliest first, with all their tokens", () => {
  assert.deepEqual(
    joined(
      found("b", "one", 2, [10, 20, 30, 40]),
      found("c", "other", 3, [7, 7, 7, 7]),
      found("a", "one", 1, [1, 2, 3, 4]),
    ),
    [["a,b", "model of a", [11, 22, 33, 44]], ["c", "model of c", [7, 7, 7, 7]]],
  );
});

Deno.test("tokens that one generation does not tell leave those of the other", () => {
  assert.deepEqual(
    joined(found("a", "one", 1, [null, 2, null, 0]), found("b", "one", 2, [5, null, null, null])),
    [["a,b", "model of a", [5, 2, null, 0]]],
  );
});

Deno.test("generations whose requests nobody knows are calls of their own", () => {
  const calls = joined(found("a", null, 1, [1, 1, 1, 1]), found("b", null, 2, [1, 1, 1, 1]));
  assert.deepEqual(calls.map(([ids]) => ids), ["a", "b"]);
});

Deno.test("an endpoint is told by OpenRouter's name for it, and by nothing else", () => {
  const names = [
    ["completions", "/chat/completions"],
    ["embeddings", "/embeddings"],
    ["rerank", "/rerank"],
    ["decisions", "/systemone"],
    ["image", "/images"],
    ["stt", "/audio/transcriptions"],
    ["tts", "/audio/speech"],
    ["video", "/videos"],
  ];
  for (const [name, endpoint] of names) assert.equal(endpointOf(name), endpoint);
  for (const other of ["toString", "Image", "", null, undefined, 7, ["image"]]) {
    assert.equal(endpointOf(other), null);
  }
});
