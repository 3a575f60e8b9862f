/** The requests of a soak that are good: every endpoint that somebody would call. */

export interface Kind {
  what: string;
  weight: number;
  method: "GET" | "POST";
  /** Below the function's name. */
  path: string;
  /** Of a call that costs. @param words what the simulator says back, a token each */
  body?: (words: string) => Record<string, unknown>;
  isStreamed?: boolean;
  /** Whether its answer is a model's text. */
  isText?: boolean;
  /** Whether faults of OpenRouter may strike it. */
  takesFaults?: boolean;
  /** What it may be answered with beside 200. */
  alsoStatuses?: number[];
}

const OPENROUTER = "/api/v1/openrouter";
const MODEL = "openai/gpt-4o-mini";
const MAX_TOKENS = 40;
const messages = (words: string) => [{ role: "user", content: words }];

const chat = (more: Record<string, unknown> = {}) => (words: string) => ({
  model: MODEL,
  messages: messages(words),
  max_tokens: MAX_TOKENS,
  ...more,
});

/** One that costs, on its own or, `streamed`, as events. */
function call(
  what: string,
  weight: number,
  path: string,
  body: (words: string) => Record<string, unknown>,
): Kind {
  return { what, weight, method: "POST", path: OPENROUTER + path, body, takesFaults: true };
}

/** One that is answered with a model's text. */
function text(...[what, weight, path, body]: Parameters<typeof call>): Kind {
  return { ...call(what, weight, path, body), isText: true };
}

function streamed(kind: Kind): Kind {
  const { what, body } = kind;
  return {
    ...kind,
    what: `${what}, streamed`,
    body: (words) => ({ ...body!(words), stream: true }),
    isStreamed: true,
  };
}

function read(what: string, weight: number, path: string): Kind {
  return { what, weight, method: "GET", path };
}

const RESPONSE = text("response", 6, "/responses", (words) => ({
  model: MODEL,
  input: words,
  max_output_tokens: MAX_TOKENS,
}));
const MESSAGE = text("message", 6, "/messages", (words) => ({
  model: "anthropic/claude-sonnet-4.5",
  messages: messages(words),
  max_tokens: MAX_TOKENS,
}));

export const KINDS: readonly Kind[] = [
  text("chat", 20, "/chat/completions", chat()),
  streamed(text("chat", 24, "/chat/completions", chat())),
  streamed(call(
    "chat, billed whole",
    3,
    "/v1/chat/completions",
    chat({
      model: "amazon/nova-lite-v1",
    }),
  )),
  RESPONSE,
  streamed(RESPONSE),
  MESSAGE,
  streamed(MESSAGE),
  text("completion", 3, "/completions", (words) => ({
    model: MODEL,
    prompt: words,
    max_tokens: MAX_TOKENS,
  })),
  call("embeddings", 5, "/embeddings", (words) => ({
    model: "openai/text-embedding-3-small",
    input: [words, words],
  })),
  call("rerank", 2, "/rerank", (words) => ({
    model: "cohere/rerank-v3.5",
    query: words,
    documents: words.split(" "),
  })),
  {
    what: "speech",
    weight: 1,
    method: "POST",
    path: `${OPENROUTER}/audio/speech`,
    body: (words) => ({ model: "openai/gpt-4o-mini-tts", input: words, voice: "alloy" }),
  },
  read("models", 2, `${OPENROUTER}/models`),
  // Who has called for nothing that costs has no key yet.
  { ...read("key", 1, `${OPENROUTER}/key`), alsoStatuses: [404] },
  read("usage", 2, "/api/v1/usage?group_by=day,model"),
  read("requests", 2, "/api/v1/usage/requests?limit=20"),
  read("limits", 2, "/api/v1/limits"),
  { what: "token", weight: 1, method: "POST", path: "/api/v1/token" },
];

/** The path that refused calls take, and their bodies. */
export const CHAT = `${OPENROUTER}/chat/completions`;
export const chatBody = (words: string) => JSON.stringify(chat()(words));
