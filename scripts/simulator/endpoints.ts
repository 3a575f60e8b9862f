/** The one table of the endpoints: who may call each, and what answers. */
import { credits, currentKey, models } from "./account.ts";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import { chatCompletions, completions } from "./chat.ts";
import { embeddings, rerank } from "./embeddings.ts";
import { generation } from "./generations.ts";
import { createKey, deleteKey, listKeys, readKey, updateKey } from "./keys.ts";
import { createVideo, images, speech, transcriptions, video, videoContent } from "./media.ts";
import { messages } from "./messages.ts";
import { responses, storedResponse } from "./responses.ts";

export interface Endpoint {
  /** Whose key opens it. `metered`: an ordinary key that has not spent its limit. */
  auth: "metered" | "ordinary" | "management" | "any" | "none";
  answer: (call: Call) => Answer;
}

/** Method and route; one segment of a route may be a `:parameter`. */
export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "POST /chat/completions": { auth: "metered", answer: chatCompletions },
  "POST /completions": { auth: "metered", answer: completions },
  "POST /responses": { auth: "metered", answer: responses },
  "GET /responses/:id": { auth: "ordinary", answer: storedResponse },
  "POST /messages": { auth: "metered", answer: messages },
  "POST /embeddings": { auth: "metered", answer: embeddings },
  "POST /rerank": { auth: "metered", answer: rerank },
  "POST /images": { auth: "metered", answer: images },
  "POST /audio/transcriptions": { auth: "metered", answer: transcriptions },
  "POST /audio/speech": { auth: "metered", answer: speech },
  "POST /videos": { auth: "metered", answer: createVideo },
  "GET /videos/:id": { auth: "ordinary", answer: video },
  "GET /videos/:id/content": { auth: "ordinary", answer: videoContent },
  "GET /generation": { auth: "ordinary", answer: generation },
  "GET /key": { auth: "any", answer: currentKey },
  "GET /credits": { auth: "management", answer: credits },
  "GET /models": { auth: "none", answer: models },
  "POST /keys": { auth: "management", answer: createKey },
  "GET /keys": { auth: "management", answer: listKeys },
  "GET /keys/:hash": { auth: "management", answer: readKey },
  "PATCH /keys/:hash": { auth: "management", answer: updateKey },
  "DELETE /keys/:hash": { auth: "management", answer: deleteKey },
};

/** An endpoint that a request meets, its name in the table, and its parameter. */
export interface Match {
  name: string;
  endpoint: Endpoint;
  parameter: string;
}

const WITH_PARAMETER = Object.keys(ENDPOINTS).filter((name) => name.includes("/:"))
  .map((name) => ({ name, pattern: new RegExp(`^${name.replace(/:\w+/, "([^/]+)")}$`) }));

/** Finds the endpoint for a method and a path below the API's root. */
export function matchEndpoint(method: string, path: string): Match | null {
  const exact = `${method} ${path}`;
  const endpoint = Object.hasOwn(ENDPOINTS, exact) ? ENDPOINTS[exact] : undefined;
  if (endpoint !== undefined) return { name: exact, endpoint, parameter: "" };
  for (const { name, pattern } of WITH_PARAMETER) {
    const parameter = pattern.exec(exact)?.[1];
    if (parameter !== undefined) return { name, endpoint: ENDPOINTS[name]!, parameter };
  }
  return null;
}
