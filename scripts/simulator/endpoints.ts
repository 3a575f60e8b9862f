/** The one table of the endpoints: who may call each, and what answers. */
import { credits, currentKey } from "./account.ts";
import { activity, queryAnalytics } from "./analytics.ts";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import * as catalogue from "./catalogue.ts";
import { chatCompletions, completions } from "./chat.ts";
import { embeddings, rerank, systemOne } from "./embeddings.ts";
import { generation } from "./generations.ts";
import * as guardrails from "./guardrails.ts";
import { createKey, deleteKey, listKeys, readKey, updateKey } from "./keys.ts";
import { images, speech, transcriptions } from "./media.ts";
import { imageModelEndpoints, imageModels, videoModels } from "./media_catalogue.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";
import { listTools, readTool } from "./server_tools.ts";
import { batches, cancelBatch, containers, fileContent, files, presets } from "./shared.ts";
import { benchmarks, dataset, taskClassifications } from "./statistics.ts";
import { createVideo, video, videoContent } from "./videos.ts";
import { listWorkspaces } from "./workspaces.ts";

export interface Endpoint {
  /** Whose key opens it. `metered`: an ordinary key that has not spent its limit. */
  auth: "metered" | "ordinary" | "management" | "any" | "none";
  answer: (call: Call) => Answer | Promise<Answer>;
}

/** Method and route; segments of a route may be `:parameters`. */
export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "POST /chat/completions": { auth: "metered", answer: chatCompletions },
  "POST /completions": { auth: "metered", answer: completions },
  "POST /responses": { auth: "metered", answer: responses },
  "POST /messages": { auth: "metered", answer: messages },
  "POST /embeddings": { auth: "metered", answer: embeddings },
  "POST /rerank": { auth: "metered", answer: rerank },
  "POST /systemone": { auth: "metered", answer: systemOne },
  "POST /images": { auth: "metered", answer: images },
  "POST /audio/transcriptions": { auth: "metered", answer: transcriptions },
  "POST /audio/speech": { auth: "metered", answer: speech },
  "POST /videos": { auth: "metered", answer: createVideo },
  "GET /videos/:id": { auth: "ordinary", answer: video },
  "GET /videos/:id/content": { auth: "ordinary", answer: videoContent },
  "GET /generation": { auth: "any", answer: generation },
  "GET /key": { auth: "any", answer: currentKey },
  "GET /credits": { auth: "any", answer: credits },

  "GET /models": { auth: "none", answer: catalogue.models },
  "GET /models/count": { auth: "none", answer: catalogue.modelCount },
  "GET /models/user": { auth: "ordinary", answer: catalogue.models },
  "GET /model/:author/:slug": { auth: "none", answer: catalogue.model },
  "GET /models/:author/:slug/endpoints": { auth: "none", answer: catalogue.modelEndpoints },
  "GET /embeddings/models": { auth: "none", answer: catalogue.embeddingModels },
  "GET /images/models": { auth: "none", answer: imageModels },
  "GET /images/models/:author/:slug/endpoints": { auth: "none", answer: imageModelEndpoints },
  "GET /videos/models": { auth: "none", answer: videoModels },
  "GET /endpoints/zdr": { auth: "none", answer: catalogue.zeroRetentionEndpoints },
  "GET /providers": { auth: "none", answer: catalogue.providers },
  "GET /tools": { auth: "none", answer: listTools },
  "GET /tools/:name": { auth: "none", answer: readTool },
  "GET /benchmarks": { auth: "ordinary", answer: benchmarks },
  "GET /datasets/:name": { auth: "ordinary", answer: dataset },
  "GET /classifications/task": { auth: "ordinary", answer: taskClassifications },

  "POST /files": { auth: "ordinary", answer: files.create },
  "GET /files": { auth: "ordinary", answer: files.list },
  "GET /files/:id": { auth: "ordinary", answer: files.read },
  "GET /files/:id/content": { auth: "ordinary", answer: fileContent },
  "DELETE /files/:id": { auth: "ordinary", answer: files.remove },
  "POST /containers": { auth: "ordinary", answer: containers.create },
  "GET /containers": { auth: "ordinary", answer: containers.list },
  "GET /containers/:id": { auth: "ordinary", answer: containers.read },
  "DELETE /containers/:id": { auth: "ordinary", answer: containers.remove },
  "POST /batches": { auth: "ordinary", answer: batches.create },
  "GET /batches": { auth: "ordinary", answer: batches.list },
  "GET /batches/:id": { auth: "ordinary", answer: batches.read },
  "POST /batches/:id/cancel": { auth: "ordinary", answer: cancelBatch },
  "DELETE /batches/:id": { auth: "ordinary", answer: batches.remove },
  "POST /presets": { auth: "ordinary", answer: presets.create },
  "GET /presets": { auth: "ordinary", answer: presets.list },
  "GET /presets/:slug": { auth: "ordinary", answer: presets.read },
  "DELETE /presets/:slug": { auth: "ordinary", answer: presets.remove },

  "POST /keys": { auth: "management", answer: createKey },
  "GET /keys": { auth: "management", answer: listKeys },
  "GET /keys/:hash": { auth: "management", answer: readKey },
  "PATCH /keys/:hash": { auth: "management", answer: updateKey },
  "DELETE /keys/:hash": { auth: "management", answer: deleteKey },
  "POST /guardrails": { auth: "management", answer: guardrails.createGuardrail },
  "GET /guardrails": { auth: "management", answer: guardrails.listGuardrails },
  "GET /guardrails/:id": { auth: "management", answer: guardrails.readGuardrail },
  "POST /guardrails/:id/assignments/keys": { auth: "management", answer: guardrails.assignKeys },
  "GET /guardrails/:id/assignments/keys": {
    auth: "management",
    answer: guardrails.listAssignedKeys,
  },
  "POST /analytics/query": { auth: "management", answer: queryAnalytics },
  "GET /activity": { auth: "management", answer: activity },
  "GET /workspaces": { auth: "management", answer: listWorkspaces },
};

/** An endpoint that a request meets, its name in the table, and its parameters. */
export interface Match {
  name: string;
  endpoint: Endpoint;
  parameter: string;
}

const ROUTES = Object.keys(ENDPOINTS).map((name) => {
  const [method = "", route = ""] = name.split(" ");
  return { name, method, pattern: new RegExp(`^${route.replace(/:\w+/g, "([^/]+)")}$`) };
});

/** Finds the endpoint for a method and a path below the API's root. HEAD is GET without a body. */
export function matchEndpoint(method: string, path: string): Match | null {
  const asked = method === "HEAD" ? "GET" : method;
  const exact = `${asked} ${path}`;
  const endpoint = Object.hasOwn(ENDPOINTS, exact) ? ENDPOINTS[exact] : undefined;
  if (endpoint !== undefined) return { name: exact, endpoint, parameter: "" };
  for (const { name, method, pattern } of ROUTES) {
    const parameters = method === asked ? pattern.exec(path)?.slice(1) : undefined;
    if (parameters === undefined || parameters.length === 0) continue;
    return { name, endpoint: ENDPOINTS[name]!, parameter: parameters.map(decoded).join("/") };
  }
  return null;
}

/** The methods that a path has; none for an unknown one. */
export function allowedMethods(path: string): string[] {
  return ROUTES.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
