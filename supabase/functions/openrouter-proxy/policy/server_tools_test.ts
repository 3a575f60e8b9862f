import assert from "node:assert/strict";
import { asked } from "../testing/asking.ts";
import { KINDS } from "./server_tools.ts";

/** The tools of a request: `name at param`, and how often. */
async function toolsOf(body: unknown): Promise<string[]> {
  const { serverTools } = await asked(body);
  return serverTools.map(({ name, param, uses }) => `${uses} ${name} at ${param}`);
}

const NAMES: [name: string, ...types: string[]][] = [
  [
    "web_search",
    "openrouter:web_search",
    "web_search",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "web_search_20250305",
    " Web_Search",
  ],
  ["web_fetch", "openrouter:web_fetch", "web_fetch_20250910"],
  ["datetime", "openrouter:datetime"],
  [
    "tool_search",
    "openrouter:tool_search",
    "tool_search",
    "tool_search_tool_regex",
    "tool_search_tool_bm25_20251119",
  ],
  ["code_execution", "code_interpreter", "code_execution_20250825", "openrouter:code_execution"],
  ["image_generation", "image_generation", "openrouter:image_generation"],
  ["mcp", "mcp", "mcp_toolset"],
  ["file_search", "file_search"],
  ["advisor", "openrouter:advisor", "advisor_20260301"],
  ["shell", "openrouter:shell"],
  ["local_shell", "local_shell", "shell"],
  ["apply_patch", "openrouter:apply_patch"],
  ["function", "openrouter:function"],
  ["web_searches", "web_searches"],
  ["my_web_search", "my_web_search"],
  ["made_tomorrow", "openrouter:made_tomorrow", "made_tomorrow"],
];

for (const [name, ...types] of NAMES) {
  for (const type of types) {
    Deno.test(`a tool of the type "${type}" is ${name}`, async () => {
      assert.deepEqual(await toolsOf({ tools: [{ type: "function" }, { type }] }), [
        `5 ${name} at tools[1]`,
      ]);
    });
  }
}

Deno.test("a namespace is no tool, but the tools in it are", async () => {
  const own = { type: "function", name: "f", parameters: { properties: { model: {} } } };
  const namespace = { type: "namespace", name: "n", tools: [own, { type: "web_search" }] };
  assert.deepEqual(await toolsOf({ tools: [own, namespace] }), [
    "5 web_search at tools[1].tools[1]",
  ]);
});

Deno.test("tools that the client runs are none, nor plugins that cost nothing", async () => {
  const types = [
    "function",
    "custom",
    "",
    "bash_20250124",
    "text_editor_20250728",
    "computer_20250124",
    "computer_use_preview",
    "memory_20250818",
    "namespace",
    "apply_patch",
  ];
  const tools = [{ name: "f", input_schema: {} }, ...types.map((type) => ({ type }))];
  const routers = ["auto", "auto-beta", "pareto", "switchyard", "jev"].map((name) =>
    `${name}-router`
  );
  const plugins = ["response-healing", "context-compression", "moderation", ...routers]
    .map((id) => ({ id, max_price: 1 }));
  assert.deepEqual(await toolsOf({ tools, plugins }), []);
});

Deno.test("a search of the web that searches X asks for both, wherever it says so", async () => {
  const x_search = { allowed_x_handles: ["a"] };
  const both = (param: string, uses: number) => [
    `${uses} web_search at ${param}`,
    `5 x_search at ${param}`,
  ];
  const ofTools = both("tools[0]", 5);
  for (const type of ["web_search", "openrouter:web_search", "web_search_2025_08_26"]) {
    assert.deepEqual(await toolsOf({ tools: [{ type, x_search }] }), ofTools);
    assert.deepEqual(await toolsOf({ tools: [{ parameters: { x_search }, type }] }), ofTools);
  }
  assert.deepEqual(await toolsOf({ plugins: [{ id: "web", x_search }] }), both("plugins[0]", 1));
  assert.deepEqual(await toolsOf({ web_search_options: { x_search } }), [
    "1 web_search at web_search_options",
    "1 x_search at web_search_options.x_search",
  ]);
  assert.deepEqual(await toolsOf({ plugins: [{ id: "web" }], x_search_filter: {} }), [
    "1 web_search at plugins[0]",
    "1 x_search at x_search_filter",
  ]);
  assert.deepEqual(await toolsOf({ tools: [{ type: "x_search" }] }), ["5 x_search at tools[0]"]);
});

Deno.test("X is not searched by what is off, null, or the client's own", async () => {
  const x_search = {};
  for (
    const body of [
      { tools: [{ type: "function", parameters: { x_search } }, { name: "f", x_search }] },
      { plugins: [{ id: "web", enabled: false, x_search }] },
      { plugins: [{ id: "moderation", x_search }] },
      { metadata: { x_search }, x_search },
      { x_search_filter: null, messages: [{ x_search_filter: {} }] },
    ]
  ) {
    assert.deepEqual(await toolsOf(body), []);
  }
  assert.deepEqual(await toolsOf({ plugins: [{ id: "web", x_search: null }] }), [
    "1 web_search at plugins[0]",
  ]);
});

const MANY = Number.MAX_SAFE_INTEGER;
/** 25, in more digits than are read. */
const LONG = `25.${"0".repeat(100)}`;

for (
  const [members, uses, results, characters] of [
    ['"max_results":50,"max_results":3', 5, 50, 0],
    ['"max_results":3,"max_results":50', 5, 50, 0],
    ['"max_results":3,"max_results":null', 5, 5, 0],
    ['"max_results":0', 5, 5, 0],
    ['"max_results":19.5,"max_characters":0.5', 5, 20, 1],
    ['"max_results":1e20,"max_characters":1e300', 5, MANY, MANY],
    [`"max_results":${LONG},"max_characters":${LONG}`, 5, MANY, MANY],
    ['"max_characters":300,"max_characters":null', 5, 0, 4_000],
    ['"max_characters":300,"search_context_size":"huge"', 5, 0, 4_000],
    ['"max_uses":0', 0, 0, 0],
    ['"max_uses":6.5', 7, 0, 0],
    ['"max_uses":1e20', 30, 0, 0],
    [`"max_uses":${LONG}`, 30, 0, 0],
    ['"max_uses":-1', 5, 0, 0],
  ] as const
) {
  Deno.test(`of a search with ${members.slice(0, 60)} the most counts that may be asked for`, async () => {
    const { serverTools } = await asked(`{"tools":[{"type":"web_search",${members}}]}`);
    assert.deepEqual(
      serverTools.map((tool) => [tool.uses, tool.results, tool.characters]),
      [[uses, results, characters]],
    );
  });
}

Deno.test("only a parser of documents that may bill them is asked for", async () => {
  const parsed = (members: string) => toolsOf(`{"plugins":[{"id":"file-parser"${members}}]}`);
  for (const engine of ["cloudflare-ai", "native", "pdf-text", "Native"]) {
    assert.deepEqual(await parsed(`,"pdf":{"engine":"${engine}"}`), [], engine);
  }
  for (
    const members of [
      "",
      ',"pdf":{}',
      ',"pdf":{"engine":null}',
      ',"pdf":{"engine":"mistral-ocr"}',
      ',"pdf":{"engine":"new"}',
      ',"pdf":{"engine":{"engine":"native"}}',
      ',"pdf":{"engine":"native","engine":"mistral-ocr"}',
      ',"pdf":{"engine":"mistral-ocr"},"pdf":{"engine":"native"}',
      ',"pdf":{"engine":"native","engine":null}',
      ',"pdf":{"engine":null,"engine":"native"}',
      ',"pdf":{"engine":"native"},"pdf":{}',
      ',"pdf":{},"pdf":{"engine":"native"}',
      ',"pdf":{"engine":"native"},"pdf":null',
      ',"engine":"native"',
      ',"pdf":{"options":{"engine":"native"}}',
    ]
  ) {
    assert.deepEqual(await parsed(members), ["5 file-parser at plugins[0]"], members);
  }
  assert.deepEqual(
    await toolsOf({ plugins: [{ id: "web", pdf: { engine: "native" } }] }),
    ["1 web_search at plugins[0]"],
  );
});

/** How many characters of a result a request asks for, by what says so. */
const CHARACTERS: [body: object, characters: number][] = [
  [{ tools: [{ type: "web_search" }] }, 0],
  [{ tools: [{ type: "openrouter:web_search", parameters: { max_characters: 700 } }] }, 700],
  [{ plugins: [{ max_characters: 700, id: "web" }] }, 700],
  [{ tools: [{ type: "web_search_preview", search_context_size: "low" }] }, 5_000],
  [{ tools: [{ type: "web_search", parameters: { search_context_size: " Medium" } }] }, 15_000],
  [{ web_search_options: { search_context_size: "high" } }, 30_000],
  [{ tools: [{ type: "web_search", max_characters: 9, search_context_size: "low" }] }, 5_000],
  [{ tools: [{ type: "web_search", max_characters: "9", search_context_size: "huge" }] }, 4_000],
  [{ tools: [{ type: "web_search" }], max_characters: 9, search_context_size: "low" }, 0],
];

for (const [body, characters] of CHARACTERS) {
  Deno.test(`${JSON.stringify(body)} asks for ${characters} characters of a result`, async () => {
    const { serverTools } = await asked(body);
    assert.deepEqual(serverTools.map((tool) => [tool.name, tool.characters]), [
      ["web_search", characters],
    ]);
  });
}

Deno.test("how long the results are is no search of its own", async () => {
  assert.deepEqual(await toolsOf({ web_search_options: { search_context_size: "high" } }), [
    "1 web_search at web_search_options",
  ]);
});

Deno.test("a plugin is off only if every parser says so, and a tool never is", async () => {
  const off = (members: string) => toolsOf(`{"plugins":[{"id":"web",${members}}]}`);
  assert.deepEqual(await off('"enabled":false'), []);
  assert.deepEqual(await off('"enabled":false,"enabled":false'), []);
  for (
    const members of [
      '"enabled":true',
      '"enabled":null',
      '"enabled":"false"',
      '"enabled":true,"enabled":false',
      '"enabled":false,"enabled":true',
    ]
  ) {
    assert.deepEqual(await off(members), ["1 web_search at plugins[0]"], members);
  }
  assert.deepEqual(await toolsOf({ tools: [{ type: "web_search", enabled: false }] }), [
    "5 web_search at tools[0]",
  ]);
});

Deno.test("a plugin goes by OpenRouter's own name, too", async () => {
  assert.deepEqual(await toolsOf({ plugins: [{ id: "openrouter:web" }] }), [
    "1 web_search at plugins[0]",
  ]);
  assert.deepEqual(await toolsOf({ plugins: [{ id: " OpenRouter:Moderation" }] }), []);
});

const USES: [what: string, body: unknown, ...tools: string[]][] = [
  [
    "max_uses",
    { tools: [{ type: "web_search_20250305", max_uses: 3 }] },
    "3 web_search at tools[0]",
  ],
  [
    "max_uses among the parameters",
    { tools: [{ type: "openrouter:web_search", parameters: { max_uses: 2 } }] },
    "2 web_search at tools[0]",
  ],
  [
    "max_uses before the type",
    '{"tools":[{"parameters":{"max_uses":2},"type":"openrouter:web_fetch"}]}',
    "2 web_fetch at tools[0]",
  ],
  [
    "the larger of two max_uses",
    '{"tools":[{"type":"web_search","max_uses":2,"max_uses":4,"parameters":{"max_uses":3}}]}',
    "4 web_search at tools[0]",
  ],
  [
    "none, where max_uses is repeated by what is no number",
    '{"tools":[{"type":"web_search","max_uses":2,"max_uses":null}]}',
    "5 web_search at tools[0]",
  ],
  [
    "none, where max_uses is 0",
    { tools: [{ type: "web_search", max_uses: 0 }] },
    "0 web_search at tools[0]",
  ],
  [
    "no more than a tool can have",
    { tools: [{ type: "web_search", max_uses: 1e9 }] },
    "30 web_search at tools[0]",
  ],
  [
    "the usual ones, of a plugin that nobody knows",
    { plugins: [{ id: "brand-new" }] },
    "5 brand-new at plugins[0]",
  ],
  [
    "the usual ones, of a plugin with a long id",
    { plugins: [{ id: "x".repeat(101) }] },
    `5 ${"x".repeat(100)} at plugins[0]`,
  ],
  [
    "the usual ones, of a tool with a long type",
    { tools: [{ type: "x".repeat(101) }] },
    `5 ${"x".repeat(100)} at tools[0]`,
  ],
  ["none, of other tools", { tools: [{ type: "mcp", max_uses: 3 }] }, "5 mcp at tools[0]"],
  [
    "the sum of tools of a name",
    { tools: [1, 2].map((max_uses) => ({ type: "web_search", max_uses })) },
    "3 web_search at tools[0]",
  ],
  ["one, of web_search_options", { web_search_options: {} }, "1 web_search at web_search_options"],
  ["none, of web_search_options that are null", { web_search_options: null }],
  [
    "one, of web_search_options that are no object",
    { web_search_options: true },
    "1 web_search at web_search_options",
  ],
  [
    "one, of mcp_servers, whatever the tools say",
    { mcp_servers: [{ type: "url" }, {}] },
    "1 mcp at mcp_servers",
  ],
  ["none, of mcp_servers that are none", { mcp_servers: [] }],
  ["none, of mcp_servers that are null", { mcp_servers: null }],
  ["one, of mcp_servers that are no list", { mcp_servers: "x" }, "1 mcp at mcp_servers"],
  ["none, of mcp_servers that a model wrote", {
    messages: [{ content: [{ type: "tool_use", input: { mcp_servers: [{}] } }] }],
  }],
  ["one, of the plugin web", { plugins: [{ id: "web" }] }, "1 web_search at plugins[0]"],
  ["max_uses of the plugin web, which a provider's own search goes by", {
    plugins: [{ id: "web", max_uses: 8 }],
  }, "8 web_search at plugins[0]"],
  [
    "max_uses of the plugin web-fetch",
    { plugins: [{ max_uses: 2, id: "web-fetch" }] },
    "2 web_fetch at plugins[0]",
  ],
  [
    "the usual ones, of another plugin",
    { plugins: [{ id: "web-fetch" }] },
    "5 web_fetch at plugins[0]",
  ],
  ["one, of a plugin in place of a list", { plugins: { id: "web" } }, "1 web_search at plugins"],
  ["one, of :online", { model: "a/b:online" }, "1 web_search at model"],
  ["one, of :online before white space", { model: "a/b:online\n" }, "1 web_search at model"],
  ["one, of the model that is fusion", { model: "openrouter/fusion" }, "1 fusion at model"],
  [
    "one, of a model that is fusion with other settings",
    { model: "OpenRouter/Fusion-Flash:free" },
    "1 fusion at model",
  ],
  [
    "one, of a fallback that is fusion in whatever spelling",
    { model: "a/b", models: [" OpenRouter/Fusion:nitro", "openrouter/fusions"] },
    "1 fusion at models[0]",
  ],
  [
    "one, of a fallback's :online",
    { model: "a/b", fallbacks: [{ model: "a/b:Online:nitro" }] },
    "1 web_search at fallbacks[0].model",
  ],
  ["none, of a plugin that is off", { plugins: [{ id: "web", enabled: false }] }],
  ["none, of a plugin that is off before its id", { plugins: [{ enabled: false, id: "web" }] }],
  [
    "one, of a plugin that is on to another parser",
    '{"plugins":[{"enabled":false,"id":"web","enabled":true}]}',
    "1 web_search at plugins[0]",
  ],
  [
    "one, of a plugin that is off by what is no boolean",
    { plugins: [{ id: "web", enabled: "false" }] },
    "1 web_search at plugins[0]",
  ],
  [
    "a tool, which nothing turns off",
    { tools: [{ type: "mcp", enabled: false }] },
    "5 mcp at tools[0]",
  ],
  [
    "tools of a repeated type",
    '{"tools":[{"type":"function","type":"openrouter:datetime"}]}',
    "5 datetime at tools[0]",
  ],
  ["a tool in place of a list", { tools: { type: "mcp" } }, "5 mcp at tools"],
  ["tools in a list of lists", { tools: [[[{ type: "mcp" }]]] }, "5 mcp at tools[0][0][0]"],
  [
    "tools of tools, and of fallbacks",
    {
      tools: [{
        type: "openrouter:fusion",
        parameters: { tools: [{ type: "openrouter:datetime" }] },
      }],
      fallbacks: [{ tools: [{ type: "web_search", max_uses: 1 }] }],
    },
    "5 datetime at tools[0].parameters.tools[0]",
    "5 fusion at tools[0]",
    "1 web_search at fallbacks[0].tools[0]",
  ],
  [
    "none, of a function's schema",
    { tools: [{ type: "function", parameters: { tools: [{ type: "mcp" }] } }] },
  ],
];

for (const [what, body, ...tools] of USES) {
  Deno.test(`the uses of server tools: ${what}`, async () => {
    assert.deepEqual(await toolsOf(body), tools);
  });
}

Deno.test("a search of tools is OpenRouter's unless the client says that it is its own", async () => {
  const search = (members: string) => toolsOf(`{"tools":[{"type":"tool_search"${members}}]}`);
  assert.deepEqual(await search(',"execution":"client"'), []);
  for (
    const members of [
      "",
      ',"execution":"server"',
      ',"execution":"client","execution":"server"',
      ',"execution":"server","execution":"client"',
      ',"execution":"client","execution":null',
      ',"execution":null,"execution":"client"',
      ',"parameters":{"execution":"client"}',
    ]
  ) {
    assert.deepEqual(await search(members), ["5 tool_search at tools[0]"], members);
  }
  const own = { type: "web_search", execution: "client" };
  assert.deepEqual(await toolsOf({ tools: [own] }), ["5 web_search at tools[0]"]);
});

Deno.test("tools that are deferred are searched for", async () => {
  const deferred_tools = { protocol: "v1", search: { type: "regex" } };
  assert.deepEqual(await toolsOf({ deferred_tools }), ["5 tool_search at deferred_tools"]);
  assert.deepEqual(await toolsOf({ deferred_tools: null }), []);
  assert.deepEqual(await toolsOf({ metadata: { deferred_tools } }), []);
});

Deno.test("operators may allow each tool that is known and neither shared nor open, and are told of it", async () => {
  const known = Object.entries(KINDS).filter(([, { isShared, isOpen }]) => !isShared && !isOpen)
    .map(([name]) => name);
  const root = new URL("../../../../", import.meta.url);
  const sql = await Deno.readTextFile(new URL("supabase/schemas/70_operator_calls.sql", root));
  const [, list] = /set_gateway_limits\.allowed_server_tools, array\[([^\]]*)\]/.exec(sql)!;
  const allowed = [...list!.matchAll(/'([^']+)'/g)].map(([, name]) => name!);
  assert.deepEqual(known.filter((name) => !allowed.includes(name)), []);
  assert.deepEqual(allowed.filter((name) => KINDS[name]?.isShared), []);
  const guide = await Deno.readTextFile(new URL("docs/operators.md", root));
  const closed = allowed.filter((name) => !KINDS[name]?.isOpen);
  assert.deepEqual(closed.filter((name) => !guide.includes(name)), []);
});
