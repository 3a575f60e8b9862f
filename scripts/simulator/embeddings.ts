/** `POST /embeddings`, `POST /rerank` and `POST /systemone`: JSON alone. */
import { Buffer } from "node:buffer";
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { Generation } from "./generation.ts";
import { failedJson } from "./inner_error.ts";
import { findModel } from "./pricing.ts";
import { promptTokens } from "./tokens.ts";
import { cost, told } from "./usage.ts";

const DIMENSIONS = 8;
const MOST_DIMENSIONS = 4096;
const DOCUMENTS_PER_SEARCH_UNIT = 100;

/** `POST /embeddings`: vectors that follow from their length and the input's position alone. */
export function embeddings(call: Call): Answer {
  const { body, faults } = call;
  if (body.input === undefined) throw apiError(400, "input is required");
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const length = Number.isSafeInteger(body.dimensions) ? Number(body.dimensions) : DIMENSIONS;
  if (length < 1 || length > MOST_DIMENSIONS) {
    throw apiError(400, `dimensions must be from 1 to ${MOST_DIMENSIONS}`);
  }
  const generation = new Generation(call, { prompt: promptTokens(body) }, false);
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = told({
    prompt_tokens: figures.prompt,
    total_tokens: figures.prompt,
    cost: cost(figures.cost, faults),
  }, faults);
  return json({
    id: generation.id,
    object: "list",
    model: generation.modelId,
    provider: generation.provider,
    data: inputs.map((_, index) => {
      const vector = Array.from({ length }, (_, axis) => (axis + index) % 2 ? 0.5 : -0.25);
      const embedding = body.encoding_format === "base64" ? base64Of(vector) : vector;
      return { object: "embedding", index, embedding };
    }),
    ...(faults.has("no-usage") ? {} : { usage }),
  }, generation.headers);
}

/** As OpenAI encodes vectors, and its SDKs ask for unasked: 32-bit floats, little-endian. */
function base64Of(vector: number[]): string {
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, 4 * index);
  return bytes.toString("base64");
}

/**
 * `POST /rerank`: the documents in their order, one search unit for each hundred. A model that is sold by
 * tokens reads the query with each of them.
 */
export function rerank(call: Call): Answer {
  const { body, faults } = call;
  const { query, documents } = body;
  if (typeof query !== "string" || !Array.isArray(documents)) {
    throw apiError(400, "query and documents are required");
  }
  const units = Math.ceil(documents.length / DOCUMENTS_PER_SEARCH_UNIT);
  const isSoldByTokens = findModel(String(body.model))?.unit === undefined;
  const again = isSoldByTokens ? (documents.length - 1) * promptTokens({ query }) : 0;
  const generation = new Generation(call, { prompt: promptTokens(body) + again, units }, false);
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = told({
    total_tokens: figures.prompt,
    search_units: figures.units,
    cost: cost(figures.cost, faults),
  }, faults);
  return json({
    id: generation.id,
    model: generation.modelId,
    provider: generation.provider,
    results: documents.map((document, index) => ({
      index,
      relevance_score: 1 / (index + 1),
      document: typeof document === "string" ? { text: document } : document,
    })),
    ...(faults.has("no-usage") ? {} : { usage }),
  }, generation.headers);
}

/** `POST /systemone`: an answer to each of the questions about a state, a token each. */
export function systemOne(call: Call): Answer {
  const { body, faults } = call;
  const { state, questions } = body;
  if (state === undefined) throw apiError(400, "state is required");
  if (typeof questions !== "object" || questions === null || Array.isArray(questions)) {
    throw apiError(400, "questions are required");
  }
  const answers = Object.fromEntries(
    Object.entries(questions).map(([name, question]) => [name, decide(Object(question))]),
  );
  const planned = {
    prompt: promptTokens({ input: JSON.stringify([state, questions]) }),
    completion: Object.keys(answers).length,
  };
  const generation = new Generation({ ...call, body: authored(body) }, planned, false);
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = told({
    input_tokens: figures.prompt,
    output_tokens: figures.completion,
    cost: cost(figures.cost, faults),
  }, faults);
  return json({
    id: generation.id,
    model: generation.modelId,
    provider: generation.provider,
    answers,
    ...(faults.has("no-usage") ? {} : { usage }),
  }, generation.headers);
}

/** A model that is named without its author is TypeSafe's, as its own SDKs name it. */
function authored(body: Record<string, unknown>): Record<string, unknown> {
  const { model } = body;
  const isBare = typeof model === "string" && !model.includes("/");
  return isBare ? { ...body, model: `typesafe/${model}` } : body;
}

/** What a question is answered with: the first choice, the lowest score, and neither yes nor no. */
function decide({ type, criteria }: Record<string, unknown>) {
  switch (type) {
    case "choice":
      return { type, choice: Object.keys(Object(criteria))[0] ?? "" };
    case "score":
      return { type, score: 0 };
    case "noul":
      return { type, noul: 0.5 };
    default:
      throw apiError(400, "the type of a question is choice, score or noul");
  }
}
