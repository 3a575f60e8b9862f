import assert from "node:assert/strict";
import { asked, reachedAt } from "../testing/asking.ts";
import { fusion, reached } from "../testing/shared_features.ts";

const REFUSED: [what: string, body: unknown, ...reaches: string[]][] = [
  ...["files", "shell", "bash"].map((name): [string, unknown, string] => [
    `the tool openrouter:${name}`,
    { tools: [{ type: `openrouter:${name}` }] },
    `openrouter:${name} at tools[0].type`,
  ]),
  // What OpenAI calls a shell runs in the same sandbox as openrouter:shell.
  ...["shell", "local_shell", " Shell", "shell_20260301"].map((type): [string, unknown, string] => [
    `a shell by the name "${type}"`,
    { tools: [{ type: "function" }, { type }], session_id: "somebody-elses" },
    "openrouter:shell at tools[1].type",
  ]),
  ...["files", "bash"].map((type): [string, unknown, string] => [
    `the tool ${type}`,
    { tools: [{ type }] },
    `openrouter:${type} at tools[0].type`,
  ]),
  ...[
    ["files", "openrouter:files"],
    [" OpenRouter:Files", "openrouter:files"],
    ["bash", "openrouter:bash"],
    ["shell", "openrouter:shell"],
    ["local_shell", "openrouter:shell"],
    ["file_search", "vector_store"],
  ].map(([id, feature]): [string, unknown, string] => [
    `a plugin by the name "${id}"`,
    { model: "openai/gpt-5.2", plugins: [{ id: "web" }, { id }] },
    `${feature} at plugins[1].id`,
  ]),
  [
    "a shell within a tool",
    { tools: [{ type: "namespace", tools: [{ type: "shell" }] }] },
    "openrouter:shell at tools[0].tools[0].type",
  ],
  ...[
    (x: unknown) => ({ provider: x }),
    (x: unknown) => ({ prompt: x }),
    (x: unknown) => ({ model: x }),
  ].flatMap((within): [string, unknown, string][] => {
    const [name] = Object.keys(within(0)) as [string];
    return [
      [`a file in ${name}`, within({ file_id: "f" }), `file at ${name}.file_id`],
      [`one in a list of ${name}`, within([0, { file_id: "f" }]), `file at ${name}[1].file_id`],
    ];
  }),
  [
    "what stands behind others of a list",
    { tools: [1, "a", { type: "openrouter:bash" }, 2, { file_id: "f" }] },
    "openrouter:bash at tools[2].type",
    "file at tools[4].file_id",
  ],
  ["a reference that ends as an empty one does", { file_id: 'a"' }, "file at file_id"],
  ["references of which the last is none", { file_ids: ["a", null] }, "file at file_ids"],
  [
    "what has a long name above it",
    { ["x".repeat(5_000)]: { file_id: "f" } },
    "file at ….file_id",
  ],
  [
    "what a list has where something else is looked for",
    { cache_control: [{ file_id: "f" }], web_search_options: [{ preset: "p" }] },
    "file at cache_control[0].file_id",
    "preset at web_search_options[0].preset",
  ],
  [
    "what has names that mean something elsewhere",
    { max_uses: { file_id: "f" }, max_results: { preset: "p" }, mode: { container: "c" } },
    "file at max_uses.file_id",
    "preset at max_results.preset",
    "container at mode.container",
  ],
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
  [
    "the first of several",
    '{"tools":[{"parameters":{"a":{"file_id":"x"},"b":{"file_id":"y"}},"type":"openrouter:fusion"}]}',
    "file at tools[0].parameters.a.file_id",
  ],
  [
    "parameters of what is no tool",
    { x: { type: "function", parameters: { file_id: "f" } } },
    "file at x.parameters.file_id",
  ],
  [
    "parameters that stand by themselves",
    { parameters: { file_id: "f" } },
    "file at parameters.file_id",
  ],
  [
    "a file in what only begins like a sandbox's report",
    { messages: [{ content: [{ type: "code_execution_output_request", file_id: "f" }] }] },
    "file at messages[0].content[0].file_id",
  ],
  [
    "a list in the place of a tool",
    { tools: [[{ type: "function", parameters: { file_id: "f" } }]] },
    "file at tools[0][0].parameters.file_id",
  ],
  ["a skill beside everything", { skill_id: "skill_01" }, "file at skill_id"],
  ["a skill of a type that comes last", '{"skill_id":"s","type":"custom"}', "file at skill_id"],
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
    "openrouter:shell at tools[0].type",
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
  ["a model that is a preset in capitals", { model: "@Preset/mine" }, "preset at model"],
  ["a stored prompt", { prompt: { id: "pmpt_1", variables: {} } }, "preset at prompt.id"],
  [
    "a file that a stored prompt is filled in with",
    { prompt: { variables: { x: { type: "input_file", file_id: "f" } } } },
    "file at prompt.variables.x.file_id",
  ],
  [
    "a skill of the account",
    { container: { skills: [{ type: "custom", skill_id: "skill_01", version: "latest" }] } },
    "file at container.skills[0].skill_id",
  ],
  [
    "a skill of the account that a shell refers to",
    {
      tools: [{
        type: "shell",
        environment: {
          type: "container_auto",
          skills: [{ type: "skill_reference", skill_id: "skill_1" }],
        },
      }],
    },
    "file at tools[0].environment.skills[0].skill_id",
    "openrouter:shell at tools[0].type",
  ],
  [
    "a skill that is the provider's to one parser and the account's to another",
    '{"container":{"skills":[{"type":"custom","skill_id":"s","type":"anthropic"}]}}',
    "file at container.skills[0].skill_id",
  ],
  [
    "a body that says of itself that it is a tool call",
    { type: "tool_use", input: [{ role: "user", content: [{ file_id: "f" }] }] },
    "file at input[0].content[0].file_id",
  ],
  [
    "a fallback that says of itself that it is a tool call",
    { fallbacks: [{ model: "m", type: "tool_use", input: [{ file_id: "f" }] }] },
    "file at fallbacks[0].input[0].file_id",
  ],
  [
    "a tool call that is another block too, by a repeated type",
    '{"messages":[{"content":[{"type":"tool_use","type":"x","input":{"file_id":"f"}}]}]}',
    "file at messages[0].content[0].input.file_id",
  ],
  [
    "a file that is a sandbox's report too, by a repeated type",
    '{"input":[{"content":[{"type":"bash_code_execution_output","type":"input_file","file_id":"f"}]}]}',
    "file at input[0].content[0].file_id",
  ],
  [
    "a sandbox's report where no content stands",
    { file: { type: "code_execution_output", file_id: "f" } },
    "file at file.file_id",
  ],
  [
    "a container of a sandbox's report",
    { messages: [{ content: [{ type: "code_execution_output", container_id: "c" }] }] },
    "container at messages[0].content[0].container_id",
  ],
  [
    "an item's container, which its interpreter would go on with",
    { input: [{ type: "code_interpreter_call", container_id: "cntr_1", code: "1" }] },
    "container at input[0].container_id",
  ],
  [
    "a tool in place of a list of tools",
    { tools: { type: "openrouter:shell" } },
    "openrouter:shell at tools.type",
  ],
  [
    "a list of lists of tools",
    { tools: [[{ type: "openrouter:shell" }]] },
    "openrouter:shell at tools[0][0].type",
  ],
  [
    "a tool of a plugin",
    { plugins: [{ id: "fusion", tools: [{ type: "openrouter:bash" }] }] },
    "openrouter:bash at plugins[0].tools[0].type",
  ],
  [
    "a model of a plugin",
    { plugins: [{ id: "auto-router", allowed_models: ["a", "@preset/b"] }] },
    "preset at plugins[0].allowed_models[1]",
  ],
  [
    "what stands behind a byte order mark and white space",
    '\ufeff\r\n\t { "preset" : "a" }',
    "preset at preset",
  ],
  [
    "names and texts in escapes alone",
    '{"\\u0063\\u006f\\u006e\\u0074\\u0061\\u0069\\u006e\\u0065\\u0072":"\\u0063"}',
    "container at container",
  ],
  [
    "the first of many, which all say the same",
    {
      tools: Array.from({ length: 9 }, () => ({ type: "openrouter:bash", vector_store_ids: [1] })),
    },
    "openrouter:bash at tools[0].type",
    "vector_store at tools[0].vector_store_ids",
  ],
  [
    "what stands where something else is looked for",
    { cache_control: { file_id: "f" }, web_search_options: { preset: "p" } },
    "file at cache_control.file_id",
    "preset at web_search_options.preset",
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
  ["a trace, whose members are the client's own", {
    trace: { trace_id: "t", container: "prod", preset: "x", file_id: "f", model: "@preset/x" },
  }],
  ["examples of a tool's input", { tools: [{ name: "f", input_examples: [{ file_id: "f" }] }] }],
  ["containers that are none", {
    container: "",
    tools: [{ type: "code_interpreter", container: "" }, { container: null }],
  }],
  ["the schema of a tool without a type", {
    tools: [{ parameters: { file_id: "f", preset: "x" } }],
  }],
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
      tools: ["bash_20250124", "text_editor_20250728", "computer_20250124"]
        .map((type) => ({ type, name: "bash" })),
    },
  ],
  [
    "functions that are called shells, and what shells have done",
    {
      tools: [{ type: "function", name: "shell" }, { type: "custom", name: "local_shell" }],
      input: [{ type: "local_shell_call", id: "x" }, { type: "shell_call_output", output: [] }],
      text: { type: "shell" },
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
  ["functions of the older kind", { functions: [{ name: "x", parameters: SCHEMA }] }],
  ["a function with a property for jobs", {
    tools: [{
      type: "function",
      name: "x",
      parameters: { properties: { previous_job_id: { type: "string" } } },
    }],
  }],
  ["a tool call with a job's number", {
    messages: [{ content: [{ type: "tool_use", input: { previous_job_id: 7 } }] }],
  }],
  ["skills that the provider has made", {
    container: { skills: [{ type: "anthropic", skill_id: "xlsx", version: "latest" }] },
  }],
  ["servers that the request brings", {
    mcp_servers: [{ type: "url", url: "https://x", name: "x", authorization_token: "t" }],
    tools: [{ type: "mcp", server_url: "https://x", connector_id: "connector_x" }],
  }],
  ["files and pictures that the request brings", {
    input: [{
      content: [
        { type: "input_file", file_data: "data:x", filename: "x" },
        { type: "input_image", image_url: "data:x", file_id: null },
      ],
    }],
    messages: [{
      content: [
        { type: "file", file: { file_data: "data:x", filename: "file_id" } },
        { type: "document", source: { type: "base64", data: "" } },
      ],
    }],
  }],
  ["prompts that are texts", { prompt: "id" }],
  ["prompts that are lists", { prompt: ["id", "preset"] }],
  ["plugins and providers", {
    plugins: [{ id: "web", max_results: 3 }, { id: "file-parser", pdf: { engine: "native" } }],
    provider: { order: ["openai"], only: ["anthropic"], allow_fallbacks: false },
  }],
  ["names that begin with a byte order mark", '{"\ufeffpreset":"a","\ufefffile_id":"b"}'],
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

Deno.test("a trace names no model, no tool and nothing to read", async () => {
  const trace = { model: "b", models: ["c"], tools: [{ type: "web_search" }], images: [{}] };
  const { models, serverTools, mediaParts } = await asked({ model: "a", trace });
  assert.deepEqual({ models, serverTools, mediaParts }, {
    models: ["a"],
    serverTools: [],
    mediaParts: 0,
  });
});

// Whoever asks chooses the names in them.
const SYSTEM_ONE = {
  model: "a",
  state: { file_id: "7", container: "c", preset: "dark", model: "phone", tools: [{ type: "mcp" }] },
  questions: { preset: { type: "options", criteria: { container: "in a box" } }, models: ["b"] },
};

Deno.test("what /systemone is asked about reaches nothing that is shared, and asks for nothing", async () => {
  const path = "/systemone";
  const asks = await asked(SYSTEM_ONE, path);
  assert.deepEqual([asks.models, asks.serverTools, asks.unnamed], [["typesafe/a"], [], null]);
  assert.deepEqual(await reachedAt(SYSTEM_ONE, path), []);
  assert.deepEqual(await reachedAt({ ...SYSTEM_ONE, preset: "x" }, path), ["preset at preset"]);
});

Deno.test("elsewhere nobody knows what a state and questions are", async () => {
  for (const path of ["/chat/completions", "/extra"]) {
    assert.ok((await reachedAt(SYSTEM_ONE, path)).length > 0, path);
  }
});

/** Bodies that name models, and what a shell by one of OpenAI's names reaches with them. */
const SHELLS: [what: string, body: object, ...reaches: string[]][] = [
  ["one of OpenAI's models", { model: "openai/gpt-5.2" }],
  ["several of them", { model: " OpenAI/codex-mini:nitro", models: ["openai/gpt-5.2"] }],
  ["somebody else's", { model: "anthropic/x" }, "openrouter:shell at tools[0].type"],
  [
    "a fallback that is somebody else's",
    { model: "openai/x", models: ["a/b"] },
    "openrouter:shell at tools[0].type",
  ],
  ["open weights", { model: "openai/gpt-oss-120b" }, "openrouter:shell at tools[0].type"],
  ["an alias", { model: "~openai/x-latest" }, "openrouter:shell at tools[0].type"],
  ["a router", { model: "openrouter/auto" }, "openrouter:shell at tools[0].type"],
  ["no model", {}, "openrouter:shell at tools[0].type"],
];

for (const [what, body, ...reaches] of SHELLS) {
  for (const type of ["shell", "local_shell"]) {
    Deno.test(`a ${type} with ${what} reaches ${reaches[0] ?? "nothing"}`, async () => {
      const request = { ...body, tools: [{ type }] };
      assert.deepEqual(await reachedAt(request, "/responses"), reaches);
      const tools = (await asked(request, "/responses")).serverTools.map(({ name }) => name);
      assert.deepEqual(tools, reaches.length === 0 ? [] : ["local_shell"]);
    });
  }
}

Deno.test("openrouter:shell beside a shell of OpenAI's is refused with any model", async () => {
  const tools = [{ type: "shell" }, { type: "openrouter:shell" }];
  assert.deepEqual(await reachedAt({ model: "openai/gpt-5.2", tools }, "/responses"), [
    "openrouter:shell at tools[1].type",
  ]);
});
