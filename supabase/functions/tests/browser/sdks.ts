/** SDKs in a page, with a token for their key: each asks in its preflight for headers of its own. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { generateText } from "ai";
import OpenAI from "openai";

/** What each SDK is answered. */
export interface SdkAnswers {
  aiSdk: string;
  anthropic: string;
  openai: string;
}

const CONTENT = "one two three";

/** Asks by each SDK, one after the other. */
export async function askBySdks(baseURL: string, apiKey: string): Promise<SdkAnswers> {
  const model = "openai/gpt-4o-mini";
  const messages = [{ role: "user" as const, content: CONTENT }];
  const inPage = { baseURL, apiKey, dangerouslyAllowBrowser: true };

  const openai = await new OpenAI(inPage).chat.completions.create({ model, messages });
  const anthropic = await new Anthropic(inPage).messages.create({
    model,
    messages,
    max_tokens: 100,
  });
  const provider = createOpenAICompatible({ name: "gateway", baseURL, apiKey });
  const { text } = await generateText({ model: provider(model), prompt: CONTENT });
  return {
    openai: openai.choices[0]?.message.content ?? "",
    anthropic: anthropic.content.map((block) => block.type === "text" ? block.text : "").join(""),
    aiSdk: text,
  };
}
