/** What a stranger asks for who wants to cost as much as the limits let through. */

const messages = (words: string) => [{ role: "user", content: words }];
const LONG = "word ".repeat(20_000);
const DEAR = "anthropic/claude-opus-4.5";
const CHAT = "chat/completions";

export interface Trick {
  name: string;
  path: string;
  body: () => Record<string, unknown>;
  /** Hangs up once the first bytes of the answer have come. */
  leaves?: true;
  faults?: string;
}

export const TRICKS: readonly Trick[] = [
  {
    name: "dear, unbounded",
    path: CHAT,
    body: () => ({ model: DEAR, messages: messages("hello") }),
  },
  {
    name: "dear, bounded",
    path: CHAT,
    body: () => ({ model: DEAR, messages: messages("hello"), max_tokens: 2_000 }),
    faults: "chunks:2000",
  },
  {
    name: "cheap, bounded",
    path: CHAT,
    body: () => ({ model: "openai/gpt-4o-mini", messages: messages("hello"), max_tokens: 100 }),
    faults: "chunks:100",
  },
  {
    name: "long prompt",
    path: CHAT,
    body: () => ({ model: "openai/gpt-4o", messages: messages(LONG), max_tokens: 100 }),
  },
  {
    name: "web search",
    path: CHAT,
    body: () => ({
      model: "openai/gpt-4o-mini",
      messages: messages("hello"),
      max_tokens: 100,
      tools: [{ type: "openrouter:web_search" }],
      plugins: [{ id: "web" }],
    }),
  },
  {
    name: "price unknown",
    path: CHAT,
    body: () => ({ model: "openrouter/auto", messages: messages("hello") }),
  },
  {
    name: "video",
    path: "videos",
    body: () => ({ model: "google/veo-3.1", prompt: "hello", seconds: 8 }),
  },
  {
    name: "made-up model",
    path: CHAT,
    body: () => ({ model: `nobody/${crypto.randomUUID()}`, messages: messages("hello") }),
  },
  {
    name: "aborted stream",
    path: CHAT,
    body: () => ({
      model: "openai/gpt-4o",
      messages: messages("hello"),
      stream: true,
      max_tokens: 4_000,
    }),
    leaves: true,
    faults: "chunks:4000",
  },
  {
    name: "aborted, billed whole",
    path: CHAT,
    body: () => ({
      model: "amazon/nova-lite-v1",
      messages: messages("hello"),
      stream: true,
      max_tokens: 5_000,
    }),
    leaves: true,
    faults: "chunks:5000",
  },
  {
    name: "free model",
    path: CHAT,
    body: () => ({
      model: "meta-llama/llama-3.3-70b-instruct:free",
      messages: messages("hello"),
      max_tokens: 100,
    }),
  },
];
