import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { readCallBody } from "./call_body.ts";
import { type CallEndpoint } from "./endpoints.ts";

const ENDPOINT: CallEndpoint = {
  kind: "call",
  body: "json",
  addsUsage: false,
  pseudonym: null,
  beginsJob: false,
  isKnown: true,
};

function read(body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readCallBody(utf8(text), ENDPOINT)!;
}

/** What a body reaches: `feature at param`. */
function reached(body: unknown): string[] {
  return read(body).sharedFeatures.map(({ feature, param }) => `${feature} at ${param}`);
}

/** As if a tool's own code were deep inside. */
function fusion(tools: unknown[]) {
  return { tools: [{ type: "openrouter:fusion", parameters: { tools } }] };
}

const REFUSED: [what: string, body: unknown, ...reaches: string[]][] = [
  ...["files", "shell", "bash"].map((name): [string, unknown, string] => [
    `the tool openrouter:${name}`,
    { tools: [{ type: `openrouter:${name}` }] },
    `openrouter:${name} at tools[0].type`,
  ]),
  [
    "a version of a tool",
    { tools: [{ type: "openrouter:bash_20260101" }] },
    "openrouter:bash at tools[0].type",
  ],
  [
    "a tool in capitals",
    { tools: [{ type: " OpenRouter:Shell" }] },
    "openrouter:shell at tools[0].type",
  ],
  [
    "the second tool",
    { tools: [{ type: "function" }, { type: "openrouter:files" }] },
    "openrouter:files at tools[1].type",
  ],
  [
    "a tool of a fusion tool",
    fusion([{ type: "openrouter:shell" }]),
    "openrouter:shell at tools[0].parameters.tools[0].type",
  ],
  [
    "a tool of a tool of a subagent",
    {
      tools: [{ type: "openrouter:subagent", parameters: fusion([{ type: "openrouter:files" }]) }],
    },
    "openrouter:files at tools[0].parameters.tools[0].parameters.tools[0].type",
  ],
  [
    "a nested tool whose tool is named after it",
    '{"tools":[{"parameters":{"tools":[{"type":"openrouter:shell"}]},"type":"openrouter:fusion"}]}',
    "openrouter:shell at tools[0].parameters.tools[0].type",
  ],
  [
    "a tool that is a function too, by a repeated type",
    '{"tools":[{"type":"openrouter:fusion","parameters":{"tools":[{"type":"openrouter:bash"}]},"type":"function"}]}',
    "openrouter:bash at tools[0].parameters.tools[0].type",
  ],
  [
    "tools that are repeated",
    '{"tools":[{"type":"openrouter:bash"}],"tools":[]}',
    "openrouter:bash at tools[0].type",
  ],
  [
    "names that are escaped",
    '{"t\\u006fols":[{"typ\\u0065":"openrouter:b\\u0061sh"}]}',
    "openrouter:bash at tools[0].type",
  ],
  [
    "tools of a fallback",
    { fallbacks: [{ model: "m", tools: [{ type: "openrouter:bash" }] }] },
    "openrouter:bash at fallbacks[0].tools[0].type",
  ],
  ["a container by its id", { container: "cntr_1" }, "container at container"],
  ["a container with an id", { container: { id: "c", skills: [] } }, "container at container.id"],
  [
    "a container of a tool",
    { tools: [{ type: "code_interpreter", container: "cntr_1" }] },
    "container at tools[0].container",
  ],
  [
    "a container that a shell refers to",
    {
      tools: [{
        type: "shell",
        environment: { type: "container_reference", container_id: "cntr" },
      }],
    },
    "container at tools[0].environment.container_id",
  ],
  [
    "files of a container that is made anew",
    { tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } }] },
    "file at tools[0].container.file_ids",
  ],
  [
    "a file in a chat",
    { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] },
    "file at messages[0].content[0].file.file_id",
  ],
  [
    "a file in the input of a response",
    { input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] },
    "file at input[0].content[0].file_id",
  ],
  [
    "a file in a message",
    { messages: [{ content: [{ type: "document", source: { type: "file", file_id: "f" } }] }] },
    "file at messages[0].content[0].source.file_id",
  ],
  [
    "a file in what a tool of the client's answered",
    {
      messages: [{
        content: [{
          type: "tool_result",
          content: [{ type: "document", source: { file_id: "f" } }],
        }],
      }],
    },
    "file at messages[0].content[0].content[0].source.file_id",
  ],
  ["a file's id that is no text", { input: [{ file_id: 7 }] }, "file at input[0].file_id"],
  [
    "a vector store",
    { tools: [{ vector_store_ids: ["vs_1"] }] },
    "vector_store at tools[0].vector_store_ids",
  ],
  ["a preset", { preset: "mine" }, "preset at preset"],
  ["a preset that is no text", { preset: ["mine"] }, "preset at preset"],
  ["a model that is a preset", { model: "@preset/mine" }, "preset at model"],
  ["a model with a preset", { model: "openai/gpt-4o@preset/mine" }, "preset at model"],
  ["an escaped preset", '{"model":"\\u0040preset\\/mine"}', "preset at model"],
  ["models of which one is a preset", { models: ["a", "@preset/b"] }, "preset at models[1]"],
  ["models as objects", { models: [{ model: "@preset/b" }] }, "preset at models[0].model"],
  ["a model as a list", { model: ["@preset/b"] }, "preset at model[0]"],
  ["fallbacks", { fallbacks: ["@preset/b"] }, "preset at fallbacks[0]"],
  [
    "models of a fusion tool",
    { tools: [{ type: "openrouter:fusion", parameters: { analysis_models: ["@preset/b"] } }] },
    "preset at tools[0].parameters.analysis_models[0]",
  ],
  [
    "a repeated model, whichever holds",
    '{"model":"@preset/a","model":"b"}',
    "preset at model",
  ],
  [
    "several things",
    {
      preset: "a",
      container: "b",
      tools: [{ type: "openrouter:bash" }],
      input: [{ file_id: "f" }],
    },
    "preset at preset",
    "container at container",
    "openrouter:bash at tools[0].type",
    "file at input[0].file_id",
  ],
];

for (const [what, body, ...reaches] of REFUSED) {
  Deno.test(`${what} reaches what is shared`, () => {
    assert.deepEqual(reached(body).sort(), reaches.sort());
  });
}

const SCHEMA = {
  type: "object",
  properties: { file_id: { type: "string" }, preset: {}, container: { type: "string" } },
  tools: [{ type: "openrouter:shell" }],
};

const PASSES: [what: string, body: unknown][] = [
  [
    "functions whose names look alike",
    {
      tools: ["openrouter:shell", "bash", "file_id", "preset"].map((name) => ({
        type: "function",
        function: { name, parameters: SCHEMA },
      })),
    },
  ],
  ["functions of the Responses API", {
    tools: [{ type: "function", name: "x", parameters: SCHEMA }],
  }],
  ["tools of the Messages API", { tools: [{ name: "file_id", input_schema: SCHEMA }] }],
  ["custom tools", { tools: [{ type: "custom", name: "openrouter:bash", input_schema: SCHEMA }] }],
  [
    "tools that the client runs",
    {
      tools: ["bash_20250124", "text_editor_20250728", "computer_20250124", "local_shell"]
        .map((type) => ({ type, name: "bash" })),
    },
  ],
  [
    "sandboxes that are made anew",
    {
      tools: [
        { type: "code_interpreter", container: { type: "auto" } },
        { type: "code_execution_20250825", name: "code_execution" },
      ],
    },
  ],
  ["openrouter's other tools", { tools: [{ type: "openrouter:web_search" }] }],
  ["a tool whose name goes on", { tools: [{ type: "openrouter:filesystem" }] }],
  [
    "what a model called a tool with",
    {
      messages: [
        { content: [{ type: "tool_use", name: "read", input: { file_id: "f", preset: "p" } }] },
        { tool_calls: [{ type: "function", function: { arguments: '{"file_id":"f"}' } }] },
      ],
      input: [{ type: "function_call", arguments: '{"container_id":"c"}' }],
    },
  ],
  [
    "what a sandbox has made",
    { messages: [{ content: [{ content: { type: "code_execution_output", file_id: "f" } }] }] },
  ],
  ["schemas of answers", { response_format: { type: "json_schema", json_schema: SCHEMA } }],
  ["schemas of texts", { text: { format: { type: "json_schema", schema: SCHEMA } } }],
  ["metadata", { metadata: { file_id: "f", preset: "p", model: "@preset/x" } }],
  ["texts", { messages: [{ content: "openrouter:shell file_id @preset/x" }], input: "@preset/x" }],
  ["members that say nothing", { preset: null, container: null, file_ids: [], container_id: "" }],
  ["models like any other", { model: "openai/gpt-4o", models: ["preset/x", "~a/x-latest"] }],
];

for (const [what, body] of PASSES) {
  Deno.test(`${what} reaches nothing that is shared`, () => {
    assert.deepEqual(reached(body), []);
  });
}

Deno.test("the jobs that a body goes on with must be the caller's own, wherever they stand", () => {
  const { previousJobIds } = read({ previous_job_id: "a", fallbacks: [{ previous_job_id: "b" }] });
  assert.deepEqual(previousJobIds, ["a", "b"]);
  assert.deepEqual(read({ previous_job_id: null }).previousJobIds, []);
});

Deno.test("a previous job that is no text is refused", () => {
  for (const previous_job_id of [1, ["a"], {}, "a\0"]) {
    assert.throws(() => read({ previous_job_id }), { type: "invalid_request" });
  }
});

Deno.test("a long reference, and a long model, count as reaching what is shared", () => {
  assert.deepEqual(reached({ file_id: "x".repeat(10_000) }), ["file at file_id"]);
  assert.deepEqual(reached({ model: "x".repeat(10_000) }), ["preset at model"]);
});
