import { Ajv } from "ajv";
import assert from "node:assert/strict";
import { type Bench, dataOf, withSimulator } from "./testing.ts";

const ajv = new Ajv({ strict: false });
const MODEL = "openai/gpt-4o-mini";

const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string", minLength: 2 },
    unit: { enum: ["celsius", "fahrenheit"] },
    days: { type: "array", items: { type: "integer", minimum: 1, maximum: 7 }, minItems: 2 },
  },
  required: ["city", "unit", "days"],
  additionalProperties: false,
};
const CLOCK = { type: "object", properties: { zone: { type: "string", pattern: "^UTC[+-]\\d$" } } };
const SHELL = {
  type: "object",
  properties: { command: { type: "string" }, seconds: { type: "number" } },
  required: ["command"],
};

interface Tool {
  name: string;
  schema: object;
}

/** What the model did, in the words of none of the dialects. */
interface Turn {
  text: string | null;
  calls: { id: string; name: string; arguments: string }[];
  reason: string;
  outputTokens: number;
}

interface Dialect {
  /** A request of the tools, with a choice among them, to a conversation. */
  body(tools: Tool[], turns: object[]): Record<string, unknown>;
  user(text: string): object;
  /** A turn and its results, as the client sends them back. */
  results(turn: Turn, result: string): object[];
  choice(choice: "none" | "auto" | "required" | { name: string }): unknown;
  sequential: object;
  // deno-lint-ignore no-explicit-any -- answers of three shapes
  turnOf(answer: any): Turn;
  // deno-lint-ignore no-explicit-any -- events of three shapes
  turnOfEvents(events: any[]): Turn;
  reasons: { stop: string; calls: string };
}

const DIALECTS: Record<string, Dialect> = {
  "/chat/completions": {
    body: (tools, messages) => ({
      model: MODEL,
      messages,
      tools: tools.map(({ name, schema }) => ({
        type: "function",
        function: { name, parameters: schema },
      })),
    }),
    user: (content) => ({ role: "user", content }),
    results: ({ calls }, content) => [
      {
        role: "assistant",
        content: null,
        tool_calls: calls.map(({ id, ...call }) => ({ id, type: "function", function: call })),
      },
      ...calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content })),
    ],
    choice: (choice) =>
      typeof choice === "string" ? choice : { type: "function", function: choice },
    sequential: { parallel_tool_calls: false },
    turnOf: ({ choices: [{ message, finish_reason }], usage }) => ({
      text: message.content,
      // deno-lint-ignore no-explicit-any -- as above
      calls: (message.tool_calls ?? []).map((call: any) => ({ id: call.id, ...call.function })),
      reason: finish_reason,
      outputTokens: usage.completion_tokens,
    }),
    turnOfEvents(events) {
      const turn: Turn = { text: null, calls: [], reason: "", outputTokens: 0 };
      for (const { choices: [choice], usage } of events.slice(0, -1)) {
        if (choice.delta.content) turn.text = (turn.text ?? "") + choice.delta.content;
        for (const { index, id, function: part } of choice.delta.tool_calls ?? []) {
          const call = turn.calls[index] ??= { id, name: part.name, arguments: "" };
          call.arguments += part.arguments;
        }
        turn.reason = choice.finish_reason ?? turn.reason;
        turn.outputTokens = usage?.completion_tokens ?? turn.outputTokens;
      }
      return turn;
    },
    reasons: { stop: "stop", calls: "tool_calls" },
  },
  "/responses": {
    body: (tools, input) => ({
      model: MODEL,
      input,
      tools: tools.map(({ name, schema }) => ({ type: "function", name, parameters: schema })),
    }),
    user: (text) => ({ role: "user", content: [{ type: "input_text", text }] }),
    results: ({ calls }, output) => [
      ...calls.map(({ id, ...call }) => ({ type: "function_call", call_id: id, ...call })),
      ...calls.map(({ id }) => ({ type: "function_call_output", call_id: id, output })),
    ],
    choice: (choice) => typeof choice === "string" ? choice : { type: "function", ...choice },
    sequential: { parallel_tool_calls: false },
    turnOf: ({ output, status, usage }) => ({
      text: output[0].content?.[0].text ?? null,
      // deno-lint-ignore no-explicit-any -- as above
      calls: output.filter(({ type }: any) => type === "function_call").map((item: any) => ({
        id: item.call_id,
        name: item.name,
        arguments: item.arguments,
      })),
      reason: status,
      outputTokens: usage.output_tokens,
    }),
    turnOfEvents(events) {
      const deltas = events.filter(({ type }) => type?.endsWith("arguments.delta"));
      const { response } = events.at(-2);
      const turn = this.turnOf(response);
      const done = events.filter(({ type }) => type === "response.output_item.done");
      assert.deepEqual(done.map(({ item }) => item), response.output);
      assert.equal(
        deltas.map(({ delta }) => delta).join(""),
        turn.calls.map((call) => call.arguments).join(""),
      );
      return turn;
    },
    reasons: { stop: "completed", calls: "completed" },
  },
  "/messages": {
    body: (tools, messages) => ({
      model: MODEL,
      messages,
      tools: tools.map(({ name, schema }) => ({ name, input_schema: schema })),
      max_tokens: 1000,
    }),
    user: (text) => ({ role: "user", content: [{ type: "text", text }] }),
    results: ({ calls }, content) => [
      {
        role: "assistant",
        content: calls.map(({ id, name, arguments: json }) => ({
          type: "tool_use",
          id,
          name,
          input: JSON.parse(json),
        })),
      },
      {
        role: "user",
        content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content })),
      },
    ],
    choice: (choice) =>
      typeof choice === "string"
        ? { type: choice === "required" ? "any" : choice }
        : { type: "tool", ...choice },
    sequential: { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
    turnOf: ({ content, stop_reason, usage }) => ({
      text: content[0].text ?? null,
      // deno-lint-ignore no-explicit-any -- as above
      calls: content.filter(({ type }: any) => type === "tool_use").map((block: any) => ({
        id: block.id,
        name: block.name,
        arguments: JSON.stringify(block.input),
      })),
      reason: stop_reason,
      outputTokens: usage.output_tokens,
    }),
    turnOfEvents(events) {
      const turn: Turn = { text: null, calls: [], reason: "", outputTokens: 0 };
      for (const { type, index, content_block: block, delta, usage } of events) {
        if (type === "content_block_start" && block.type === "tool_use") {
          turn.calls[index] = { id: block.id, name: block.name, arguments: "" };
        }
        if (delta?.type === "input_json_delta") turn.calls[index]!.arguments += delta.partial_json;
        if (delta?.type === "text_delta") turn.text = (turn.text ?? "") + delta.text;
        if (type === "message_delta") {
          turn.reason = delta.stop_reason;
          turn.outputTokens = usage.output_tokens;
        }
      }
      return turn;
    },
    reasons: { stop: "end_turn", calls: "tool_use" },
  },
};

const TOOLS: Tool[] = [
  { name: "get_weather", schema: WEATHER },
  { name: "get_time", schema: CLOCK },
];

/** The turn of JSON, which that of a stream must equal. */
async function ask({ call }: Bench, path: string, body: object): Promise<Turn> {
  const dialect = DIALECTS[path]!;
  const whole = dialect.turnOf(await (await call(path, body)).json());
  const stream = await (await call(path, { ...body, stream: true })).text();
  assert.deepEqual(dialect.turnOfEvents(dataOf(stream)), whole);
  return whole;
}

function assertValid(schema: object, json: string): void {
  assert.ok(ajv.validate(schema, JSON.parse(json)), `${json}: ${ajv.errorsText()}`);
}

for (const [path, dialect] of Object.entries(DIALECTS)) {
  const opening = (text: string) => [dialect.user(text)];

  Deno.test(`${path}: offered tools are called once, with valid arguments, and the result is answered`, () =>
    withSimulator(async (bench) => {
      const turns = opening("What is the weather?");
      const first = await ask(bench, path, dialect.body(TOOLS, turns));
      assert.deepEqual(first.calls.map(({ name }) => name), ["get_weather"]);
      assert.equal(first.text, null);
      assert.equal(first.reason, dialect.reasons.calls);
      assertValid(WEATHER, first.calls[0]!.arguments);
      assert.equal(first.outputTokens, Math.ceil(first.calls[0]!.arguments.length / 4));

      turns.push(...dialect.results(first, "rain and wind"));
      const second = await ask(bench, path, dialect.body(TOOLS, turns));
      assert.deepEqual([second.text, second.calls], ["rain and wind", []]);
      assert.equal(second.reason, dialect.reasons.stop);

      const third = await ask(bench, path, dialect.body(TOOLS, [...turns, ...opening("And now?")]));
      assert.equal(third.calls.length, 1);
      assert.notEqual(third.calls[0]!.id, first.calls[0]!.id);
    }));

  Deno.test(`${path}: tool_choice forbids, forces and names, and an unknown name is refused`, () =>
    withSimulator(async (bench) => {
      const turns = opening("one two");
      const choosing = async (choice: Parameters<Dialect["choice"]>[0]) => {
        const tool_choice = dialect.choice(choice);
        const turn = await ask(bench, path, { ...dialect.body(TOOLS, turns), tool_choice });
        return turn.calls.map(({ name }) => name);
      };
      assert.deepEqual(await choosing("none"), []);
      assert.deepEqual(await choosing("auto"), ["get_weather"]);
      assert.deepEqual(await choosing("required"), ["get_weather"]);
      assert.deepEqual(await choosing({ name: "get_time" }), ["get_time"]);
      const tool_choice = dialect.choice({ name: "nothing" });
      const refused = await bench.call(path, { ...dialect.body(TOOLS, turns), tool_choice });
      assert.equal(refused.status, 400);
      await refused.body?.cancel();
    }));

  Deno.test(`${path}: named tools are called in parallel, or the first where that is forbidden`, () =>
    withSimulator(async (bench) => {
      const body = dialect.body(TOOLS, opening("Use get_time, then get_weather."));
      const both = (await ask(bench, path, body)).calls;
      assert.deepEqual(both.map(({ name }) => name), ["get_weather", "get_time"]);
      assert.equal(new Set(both.map(({ id }) => id)).size, 2);
      const one = await ask(bench, path, { ...body, ...dialect.sequential });
      assert.equal(one.calls.length, 1);
    }));

  Deno.test(`${path}: a text can give a call's arguments, and a shell gets a harmless command`, () =>
    withSimulator(async (bench) => {
      const tools = [...TOOLS, { name: "shell", schema: SHELL }];
      const given = dialect.body(tools, opening('Call get_time({"zone":"UTC+1 })"}) please.'));
      const [call] = (await ask(bench, path, given)).calls;
      assert.deepEqual([call!.name, JSON.parse(call!.arguments)], ["get_time", {
        zone: "UTC+1 })",
      }]);
      const [shell] = (await ask(bench, path, dialect.body(tools, opening("Hello")))).calls;
      assert.deepEqual([shell!.name, JSON.parse(shell!.arguments)], ["shell", {
        command: "echo hello from the tool",
      }]);
    }));

  Deno.test(`${path}: a bound that is too narrow for the arguments cuts them`, () =>
    withSimulator(async ({ call }) => {
      const bound = path === "/responses" ? "max_output_tokens" : "max_tokens";
      const body = { ...dialect.body(TOOLS, opening("hi")), [bound]: 2, stream: true };
      const events = dataOf(await (await call(path, body)).text());
      const turn = dialect.turnOfEvents(events);
      assert.equal(turn.calls[0]!.arguments.length, 8);
      assert.equal(turn.outputTokens, 2);
      const reason = { "/messages": "max_tokens", "/responses": "incomplete" }[path] ?? "length";
      assert.equal(turn.reason, reason);
    }));
}

Deno.test("what an agent puts beside its user's words is not answered", () =>
  withSimulator(async ({ call }) => {
    const content = ["say hi", "<system-reminder>Use Read.</system-reminder>"]
      .map((text) => ({ type: "text", text }));
    const body = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content }] };
    const answer = await (await call("/messages", body)).json();
    assert.equal(answer.content[0].text, "say hi");
  }));

Deno.test("a bound of another API's bounds nothing", () =>
  withSimulator(async ({ call }) => {
    const names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    const bounding = async (path: string) => {
      const bounds = await Promise.all(names.map(async (name) => {
        const body = { model: "openai/gpt-4o-mini", [name]: 1 };
        const words = "one two three";
        const messages = [{ role: "user", content: words }];
        const answer = await call(path, { ...body, messages, input: words, prompt: words });
        const { usage } = await answer.json();
        return (usage.completion_tokens ?? usage.output_tokens) === 1 ? name : [];
      }));
      return bounds.flat();
    };
    assert.deepEqual(await bounding("/chat/completions"), ["max_tokens", "max_completion_tokens"]);
    assert.deepEqual(await bounding("/completions"), ["max_tokens"]);
    assert.deepEqual(await bounding("/messages"), ["max_tokens"]);
    assert.deepEqual(await bounding("/responses"), ["max_output_tokens"]);
  }));

const FORMATS: [string, string, (schema: object) => object][] = [
  ["/chat/completions", "response_format", (schema) => ({
    response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema } },
  })],
  ["/responses", "text.format", (schema) => ({
    text: { format: { type: "json_schema", name: "x", schema } },
  })],
  ["/messages", "output_config", (schema) => ({
    output_config: { format: { type: "json_schema", schema } },
  })],
  ["/messages", "output_format", (schema) => ({ output_format: { type: "json_schema", schema } })],
];

const SCHEMAS: Record<string, object> = {
  "of plain members": WEATHER,
  "that names its parts": {
    $defs: {
      step: {
        type: "object",
        properties: { text: { type: "string" }, next: { $ref: "#/$defs/end" } },
        required: ["text", "next"],
        additionalProperties: false,
      },
      end: { anyOf: [{ type: "null" }, { $ref: "#/$defs/step" }] },
    },
    $ref: "#/$defs/step",
  },
  "with every kind of value": {
    type: "object",
    properties: {
      constant: { const: "x" },
      either: { oneOf: [{ type: "integer" }, { type: "string", maxLength: 3 }] },
      nothing: { type: "null" },
      number: { type: "number", exclusiveMinimum: 0, multipleOf: 0.5, maximum: 10 },
      set: { type: "array", items: { enum: ["a", "b", "c"] }, minItems: 2, uniqueItems: true },
      pair: { type: "array", prefixItems: [{ type: "boolean" }], minItems: 1 },
      all: {
        allOf: [
          { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
          { properties: { b: { type: "boolean" } }, required: ["b"] },
        ],
      },
      code: { type: "string", pattern: "^[A-Z]{2}-\\d{3}$" },
    },
    required: ["constant", "either", "nothing", "number", "set", "pair", "all", "code"],
  },
};

for (const [path, member, format] of FORMATS) {
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    Deno.test(`${path}: ${member} with a schema ${name} is answered by JSON that is valid under it`, () =>
      withSimulator(async (bench) => {
        const dialect = DIALECTS[path]!;
        const body = { ...dialect.body([], [dialect.user("hi")]), ...format(schema) };
        const turn = await ask(bench, path, body);
        assert.equal(turn.reason, dialect.reasons.stop);
        assertValid(schema, turn.text!);
        assert.equal((await ask(bench, path, body)).text, turn.text);
      }));
  }
}

Deno.test("response_format json_object is answered by an object, one without its schema refused", () =>
  withSimulator(async ({ call }) => {
    const body = { model: MODEL, messages: [{ role: "user", content: "hi" }] };
    const response_format = { type: "json_object" };
    const answer = await (await call("/chat/completions", { ...body, response_format })).json();
    assert.equal(typeof JSON.parse(answer.choices[0].message.content), "object");
    const refused = await call("/chat/completions", {
      ...body,
      response_format: { type: "json_schema" },
    });
    assert.equal(refused.status, 400);
    await refused.body?.cancel();
  }));
