/** The models of a made-up history: what they cost, and how fast they are. */

export interface SeedModel {
  id: string;
  endpoint: string;
  provider: string;
  /** US dollars for a million tokens, in millionths of a dollar: 0.15 $ is 150 000. */
  inputPrice: number;
  cachedPrice: number;
  outputPrice: number;
  /** Medians: tokens of a call. */
  input: number;
  output: number;
  /** Of the output: how much of it is reasoning. */
  reasoning: number;
  /** Milliseconds to the first byte, median; tokens a second after that. */
  firstByteMs: number;
  speed: number;
  /** How often it is chosen. */
  weight: number;
}

const CHAT = { endpoint: "/chat/completions", reasoning: 0 };
const DOLLAR = 1_000_000;

function chat(
  id: string,
  provider: string,
  [input, cached, output]: [number, number, number],
  rest:
    & Pick<SeedModel, "input" | "output" | "firstByteMs" | "speed" | "weight">
    & Partial<SeedModel>,
): SeedModel {
  return {
    ...CHAT,
    id,
    provider,
    inputPrice: Math.round(input * DOLLAR),
    cachedPrice: Math.round(cached * DOLLAR),
    outputPrice: Math.round(output * DOLLAR),
    ...rest,
  };
}

export const MODELS: readonly SeedModel[] = [
  chat("openai/gpt-4o-mini", "OpenAI", [0.15, 0.075, 0.6], {
    input: 900,
    output: 220,
    firstByteMs: 420,
    speed: 90,
    weight: 30,
  }),
  chat("anthropic/claude-sonnet-4.5", "Anthropic", [3, 0.3, 15], {
    endpoint: "/messages",
    input: 6000,
    output: 450,
    firstByteMs: 1100,
    speed: 60,
    weight: 16,
  }),
  chat("google/gemini-2.5-flash", "Google", [0.3, 0.075, 2.5], {
    input: 1800,
    output: 380,
    firstByteMs: 520,
    speed: 160,
    weight: 18,
  }),
  chat("openai/gpt-5", "OpenAI", [1.25, 0.125, 10], {
    endpoint: "/responses",
    input: 2600,
    output: 1100,
    reasoning: 0.6,
    firstByteMs: 2400,
    speed: 70,
    weight: 9,
  }),
  chat("deepseek/deepseek-chat-v3.1", "DeepInfra", [0.27, 0.07, 1], {
    input: 1500,
    output: 420,
    firstByteMs: 900,
    speed: 45,
    weight: 10,
  }),
  chat("meta-llama/llama-3.3-70b-instruct:free", "Together", [0, 0, 0], {
    input: 700,
    output: 260,
    firstByteMs: 700,
    speed: 55,
    weight: 8,
  }),
  chat("mistralai/mistral-small-3.2-24b-instruct", "Mistral", [0.1, 0.1, 0.3], {
    input: 800,
    output: 240,
    firstByteMs: 350,
    speed: 110,
    weight: 5,
  }),
  chat("openai/text-embedding-3-small", "OpenAI", [0.02, 0.02, 0], {
    endpoint: "/embeddings",
    input: 3000,
    output: 0,
    firstByteMs: 180,
    speed: 1,
    weight: 4,
  }),
];
