/**
 * Which of the tools that a request offers are called, and with what. A tool here is one that the
 * client itself runs; for OpenRouter's own see server_tools.ts.
 *
 * Called are, once after each message of the user's,
 *
 * 1. what `tool_choice` names;
 * 2. what the last text calls as code does, `get_weather({"city":"Oslo"})`, with these arguments;
 * 3. what the last text names, such as `get_weather`;
 * 4. a tool that runs commands (it has the parameter `command` or `cmd`), with a harmless one;
 * 5. the first.
 *
 * Several of them, of 2 and 3, are called in parallel where the request allows that. Arguments are
 * valid under the tool's schema.
 */
import { createHash } from "node:crypto";
import { apiError } from "./errors.ts";
import { schemaSample } from "./schema_sample.ts";
import { lastText } from "./tokens.ts";

export interface ToolCall {
  /** 24 characters that follow from the request; each endpoint puts its prefix before them. */
  id: string;
  name: string;
  /** JSON. */
  arguments: string;
}

interface Tool {
  name: string;
  schema: Record<string, unknown>;
}

/** Parameters that hold a command of a shell, and what to put there. */
const COMMANDS = ["command", "cmd"];
const HARMLESS = "echo hello from the tool";

type Body = Record<string, unknown>;

/**
 * The calls that answer a body; none where the answer is text.
 *
 * @throws {ApiError} 400 for a choice that names no tool of the request, or a schema that is none
 */
export async function toolCalls(body: Body): Promise<ToolCall[]> {
  const tools = offeredTools(body);
  const choice = choiceOf(body);
  if (choice.kind === "named") {
    const tool = tools.find(({ name }) => name === choice.name);
    if (tool === undefined) throw apiError(400, `tool_choice: no tool is named ${choice.name}`);
    return [await callOf(body, tool, 0)];
  }
  if (tools.length === 0 || choice.kind === "none") return [];
  if (choice.kind === "auto" && hasResults(body)) return [];
  const wanted = wantedTools(tools, lastText(body));
  const chosen = allowsParallel(body) ? wanted : wanted.slice(0, 1);
  return await Promise.all(
    chosen.map(({ tool, given }, index) => callOf(body, tool, index, given)),
  );
}

/** The tools of a body that its sender runs: `function` of chat, flat ones of the others. */
function offeredTools({ tools }: Body): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool) => {
    const { type, function: nested, name, parameters, input_schema } = Object(tool);
    if (type !== undefined && type !== "function" && type !== "custom") return [];
    const own = nested === undefined ? { name, schema: parameters ?? input_schema } : {
      name: Object(nested).name,
      schema: Object(nested).parameters,
    };
    // Custom tools of /responses take a text, which no schema describes.
    if (typeof own.name !== "string" || (type === "custom" && input_schema === undefined)) {
      return [];
    }
    return [{ name: own.name, schema: Object(own.schema ?? { type: "object" }) }];
  });
}

type Choice = { kind: "none" | "auto" | "required" } | { kind: "named"; name: string };

function choiceOf({ tool_choice: choice }: Body): Choice {
  if (choice === "none" || choice === "required") return { kind: choice };
  const { type, name, function: nested } = Object(choice);
  const named = name ?? Object(nested).name;
  if ((type === "function" || type === "tool") && typeof named === "string") {
    return { kind: "named", name: named };
  }
  if (type === "none") return { kind: "none" };
  return { kind: type === "any" ? "required" : "auto" };
}

function allowsParallel({ parallel_tool_calls, tool_choice }: Body): boolean {
  return parallel_tool_calls !== false && Object(tool_choice).disable_parallel_tool_use !== true;
}

/** Whether the conversation ends with what tools gave, and not with what the user said. */
function hasResults({ messages, input }: Body): boolean {
  const items = [messages ?? input].flat().map(Object);
  const last = items.findLast(({ role }) => role !== "system" && role !== "developer");
  if (last === undefined) return false;
  const blocks = [last.content].flat().map(Object);
  return last.role === "tool" || String(last.type).endsWith("_call_output") ||
    blocks.some(({ type }) => type === "tool_result");
}

interface Wanted {
  tool: Tool;
  /** JSON. */
  given?: string;
}

function wantedTools(tools: Tool[], text: string): Wanted[] {
  const coded = tools.flatMap((tool) => {
    const given = argumentsIn(text, tool.name);
    return given === null ? [] : [{ tool, given }];
  });
  if (coded.length > 0) return coded;
  const named = tools.filter(({ name }) => isNamed(text, name));
  if (named.length > 0) return named.map((tool) => ({ tool }));
  return [{ tool: tools.find((tool) => commandIn(tool) !== undefined) ?? tools[0]! }];
}

/** The JSON in `name({…})`; null where the text has no such call. */
function argumentsIn(text: string, name: string): string | null {
  const open = text.indexOf(`${name}({`);
  if (open === -1) return null;
  const start = open + name.length + 1;
  for (let end = text.indexOf("})", start); end !== -1; end = text.indexOf("})", end + 1)) {
    const json = text.slice(start, end + 1);
    try {
      JSON.parse(json);
      return json;
    } catch {
      // Those braces were inside of it.
    }
  }
  return null;
}

/** Whether the text names a tool. A name that may be any word (`task`) counts in marks alone. */
function isNamed(text: string, name: string): boolean {
  const escaped = name.replaceAll(/[^\w]/g, "\\$&");
  const isWord = /^[a-z]+$/.test(name);
  return new RegExp(isWord ? `[\`"']${escaped}[\`"']` : `(?<![\\w-])${escaped}(?![\\w-])`)
    .test(text);
}

function commandIn({ schema }: Tool): string | undefined {
  return COMMANDS.find((name) => Object.hasOwn(Object(schema.properties), name));
}

async function callOf(body: Body, tool: Tool, index: number, given?: string): Promise<ToolCall> {
  return {
    id: idOf(body, index),
    name: tool.name,
    arguments: given ?? JSON.stringify(await sampleArguments(tool)),
  };
}

async function sampleArguments(tool: Tool): Promise<unknown> {
  const sample = Object(await schemaSample(tool.schema));
  const command = commandIn(tool);
  if (command === undefined) return sample;
  const { type } = Object(Object(tool.schema.properties)[command]);
  return { ...sample, [command]: type === "array" ? ["sh", "-c", HARMLESS] : HARMLESS };
}

/** Other in each turn of a conversation, since clients find a result's call by it. */
function idOf({ messages, input }: Body, index: number): string {
  const hash = createHash("sha256").update(JSON.stringify([messages ?? input, index]));
  return hash.digest("hex").slice(0, 24);
}
