/** An error of the gateway's own within a stream, as the users of SDKs see it. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { ChatAnthropic } from "@langchain/anthropic";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { OpenRouter } from "@openrouter/sdk";
import { type LanguageModel, streamText } from "ai";
import assert from "node:assert/strict";
import OpenAI from "openai";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, chat, newIdentity } from "./harness/client.ts";
import { startFront } from "./harness/front.ts";
import { useWorld } from "./harness/world.ts";

const IDLE_MS = 800;
const front = await startFront();
const world = useWorld({
  env: { OPENROUTER_API_URL: front.url, UPSTREAM_IDLE_TIMEOUT_MS: String(IDLE_MS) },
});
Deno.test.beforeAll(() => {
  front.target = world.openrouter.url;
});
Deno.test.afterAll(front.stop);

const identity = await newIdentity();
const model = "openai/gpt-4o-mini";
const words = "one two three four five six seven eight nine";
const messages = [{ role: "user" as const, content: words }];

/** Where the SDKs find the gateway, and what is their key. */
async function access() {
  return {
    apiKey: await createDidToken(identity, { audience: AUDIENCE }),
    baseURL: `${world.gateway.url}/api/v1/openrouter`,
  };
}

async function openai(): Promise<OpenAI> {
  return new OpenAI({ ...await access(), maxRetries: 0 });
}

async function anthropic(): Promise<Anthropic> {
  const { apiKey, baseURL } = await access();
  return new Anthropic({ apiKey: null, authToken: apiKey, baseURL, maxRetries: 0 });
}

async function openrouter(): Promise<OpenRouter> {
  const { apiKey, baseURL } = await access();
  return new OpenRouter({ apiKey, serverURL: baseURL });
}

/** Reads a stream, or what is to be thrown, and tells of the errors that its reader sees. */
async function thrownBy(
  stream: Promise<AsyncIterable<unknown>>,
  errorIn: (event: unknown) => unknown = () => undefined,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  try {
    for await (const event of await stream) {
      const error = errorIn(event);
      if (error !== undefined) errors.push(error);
    }
    errors.push("the stream has ended as if it were whole");
  } catch (error) {
    errors.push(error);
  }
  return errors;
}

async function shownBy(aiModel: LanguageModel): Promise<unknown[]> {
  const errors: unknown[] = [];
  const { fullStream } = streamText({
    model: aiModel,
    prompt: words,
    maxRetries: 0,
    onError: ({ error }) => void errors.push(error),
  });
  await thrownBy(Promise.resolve(fullStream));
  return errors;
}

interface Client {
  path: string;
  /** Makes a call and resolves with the errors that its caller gets, first to last. */
  run: () => Promise<unknown[]>;
  /** What the first of them is. */
  first?: (error: unknown) => boolean;
}

const CHAT = "/chat/completions";
const CLIENTS: Record<string, Client> = {
  "openai, chat": {
    path: CHAT,
    run: async () =>
      thrownBy((await openai()).chat.completions.create({ model, messages, stream: true })),
    first: (error) => error instanceof OpenAI.APIError && typeof error.code === "number",
  },
  "openai, completions": {
    path: "/completions",
    run: async () =>
      thrownBy((await openai()).completions.create({ model, prompt: words, stream: true })),
    first: (error) => error instanceof OpenAI.APIError,
  },
  "openai, responses": {
    path: "/responses",
    run: async () =>
      thrownBy((await openai()).responses.create({ model, input: words, stream: true })),
    first: (error) => error instanceof OpenAI.APIError,
  },
  "@anthropic-ai/sdk, create": {
    path: "/messages",
    run: async () =>
      thrownBy(
        (await anthropic()).messages.create({ model, messages, max_tokens: 99, stream: true }),
      ),
    first: (error) => error instanceof Anthropic.APIError,
  },
  "@anthropic-ai/sdk, stream": {
    path: "/messages",
    async run() {
      const stream = (await anthropic()).messages.stream({ model, messages, max_tokens: 99 });
      return [await stream.finalMessage().catch((error) => error)];
    },
    first: (error) => error instanceof Anthropic.APIError,
  },
  "@langchain/anthropic": {
    path: "/messages",
    async run() {
      const { apiKey, baseURL } = await access();
      const langchain = new ChatAnthropic({
        model,
        // The key that LangChain insists on goes into x-api-key; the token goes where SDKs put theirs.
        apiKey: "unused",
        anthropicApiUrl: baseURL,
        clientOptions: { apiKey: null, authToken: apiKey },
        maxRetries: 0,
      });
      return thrownBy(langchain.stream(words));
    },
  },
  "@openrouter/sdk, chat": {
    path: CHAT,
    async run() {
      const request = { model, messages, stream: true } as const;
      const answer = (await openrouter()).chat.send({ chatRequest: request });
      return thrownBy(
        answer as Promise<unknown> as Promise<AsyncIterable<unknown>>,
        (chunk) => (chunk as { error?: unknown }).error,
      );
    },
  },
  "@openrouter/sdk, callModel": {
    path: "/responses",
    async run() {
      const result = (await openrouter()).callModel({ model, input: words });
      return [await result.getText().catch((error) => error)];
    },
  },
  "AI SDK, openai": {
    path: "/responses",
    run: async () => shownBy(createOpenAI(await access())(model)),
  },
  "AI SDK, anthropic": {
    path: "/messages",
    run: async () => {
      const { apiKey, baseURL } = await access();
      // It appends /messages alone.
      return shownBy(createAnthropic({ authToken: apiKey, baseURL })(model));
    },
  },
  "AI SDK, openai-compatible": {
    path: CHAT,
    run: async () => shownBy(createOpenAICompatible({ name: "gateway", ...await access() })(model)),
  },
  "AI SDK, @openrouter/ai-sdk-provider": {
    path: CHAT,
    run: async () => shownBy(createOpenRouter(await access()).chat(model)),
  },
};

/** One client of each shape of errors. */
const ONE_EACH = ["openai, chat", "openai, responses", "@anthropic-ai/sdk, create"];

/** What happens to the stream, what its reader is told, and who is asked. */
const ENDS: [
  what: string,
  happens: (path: string) => void,
  message: string,
  clients: string[],
][] = [
  [
    "OpenRouter breaks off",
    (path) => world.openrouter.addFault({ on: `POST ${path}`, faults: "drop:3" }),
    "OpenRouter's connection broke before the answer was complete",
    Object.keys(CLIENTS),
  ],
  [
    "OpenRouter falls silent",
    (path) => world.openrouter.addFault({ on: `POST ${path}`, faults: "hang:3" }),
    `OpenRouter was silent for ${IDLE_MS} ms within its answer`,
    ONE_EACH,
  ],
  [
    "OpenRouter breaks off within its first event",
    (path) =>
      front.handlers.set(`POST ${path}`, (_request, response) => {
        front.handlers.delete(`POST ${path}`);
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(': OPENROUTER PROCESSING\n\ndata: {"id":"gen-1","choi', () => {
          response.destroy();
        });
      }),
    "OpenRouter's connection broke before the answer was complete",
    ONE_EACH,
  ],
];

for (const [what, happens, message, clients] of ENDS) {
  for (const name of clients) {
    const { path, run, first } = CLIENTS[name]!;
    Deno.test(`users of ${name} are told that ${what}`, async () => {
      happens(path);
      const [error] = await run();
      assert.ok(textOf(error).includes(message), textOf(error));
      if (first) assert.ok(first(error), String(error));
    });
  }
}

/** All that an error says of itself; SDKs that raise no Error hand out a plain object. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}

Deno.test("whoever reads no events is told by a connection that breaks behind the last one", async () => {
  world.openrouter.addFault({ on: `POST ${CHAT}`, faults: "drop:3" });
  const response = await call(
    world.gateway,
    identity,
    "POST",
    `/api/v1/openrouter${CHAT}`,
    chat(words, { stream: true }),
  );
  let text = "";
  await assert.rejects(async () => {
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece;
  });
  assert.match(text.split("\n\n").at(-2)!, /^data: \{"id":"gen-.*"error":\{"code":502,.*\}$/);
});
