import assert from "node:assert/strict";
import { GatewayError } from "../../errors.ts";
import { errorDialectOf } from "../../policy/error_dialects.ts";
import { errorEvents } from "./error_event.ts";

const BROKE = new GatewayError("upstream_unreachable", 'it "broke"\n\n');
const SILENT = new GatewayError("upstream_timeout", "it was silent");

/** The events for a path, as a parser has them. */
function eventsOf(path: string, error: GatewayError) {
  const text = new TextDecoder().decode(errorEvents(errorDialectOf(path), error, {
    id: "gen-1",
    model: "openai/gpt-4o-mini",
    events: 3,
    requestId: "request-1",
    nowS: 1_795_370_400,
  }));
  assert.ok(text.endsWith("\n\n"));
  return text.slice(0, -2).split("\n\n").map((event) => {
    const [, name = null, data] = /^(?:event: (.*)\n)?data: (.*)$/.exec(event)!;
    return { name, data: JSON.parse(data!) };
  });
}

const HEAD = { id: "gen-1", created: 1_795_370_400, model: "openai/gpt-4o-mini" };

for (
  const [path, object, choice] of [
    ["/chat/completions", "chat.completion.chunk", { delta: { content: "" } }],
    ["/completions", "text_completion", { text: "" }],
  ] as const
) {
  Deno.test(`${path} ends with a chunk that holds the error`, () => {
    assert.deepEqual(eventsOf(path, BROKE), [{
      name: null,
      data: {
        ...HEAD,
        object,
        error: {
          code: 502,
          type: "upstream_unreachable",
          message: BROKE.message,
          metadata: { error_type: "provider_unavailable" },
        },
        choices: [{ index: 0, ...choice, finish_reason: "error" }],
      },
    }]);
    assert.deepEqual(eventsOf(path, SILENT)[0]?.data.error, {
      code: 504,
      type: "upstream_timeout",
      message: SILENT.message,
      metadata: { error_type: "timeout" },
    });
  });
}

/** Every member that OpenAI's and OpenRouter's SDKs require of a response; they check no values. */
const RESPONSE = {
  id: "gen-1",
  object: "response",
  created_at: 1_795_370_400,
  completed_at: null,
  status: "failed",
  model: "openai/gpt-4o-mini",
  incomplete_details: null,
  output: [],
  usage: null,
  instructions: null,
  metadata: null,
  temperature: null,
  top_p: null,
  frequency_penalty: null,
  presence_penalty: null,
  parallel_tool_calls: true,
  tool_choice: "auto",
  tools: [],
};

Deno.test("/responses ends with an error and a response that has failed, numbered on", () => {
  const [error, failed, ...others] = eventsOf("/responses", SILENT);
  assert.deepEqual(error, {
    name: "error",
    data: {
      type: "error",
      code: "upstream_timeout",
      message: SILENT.message,
      param: null,
      sequence_number: 3,
    },
  });
  assert.equal(failed?.name, "response.failed");
  assert.equal(failed?.data.type, "response.failed");
  assert.equal(failed?.data.sequence_number, 4);
  assert.deepEqual(failed!.data.response, {
    ...RESPONSE,
    error: { code: "server_error", message: SILENT.message },
    error_type: "timeout",
  });
  assert.deepEqual(others, []);
});

for (const [error, type] of [[BROKE, "api_error"], [SILENT, "timeout_error"]] as const) {
  Deno.test(`/messages ends with an error of Anthropic's type ${type}`, () => {
    assert.deepEqual(eventsOf("/messages", error), [{
      name: "error",
      data: { type: "error", error: { type, message: error.message }, request_id: "request-1" },
    }]);
  });
}

for (const path of ["/images", "/audio/speech", "/constructor"]) {
  Deno.test(`${path} ends with a plain error`, () => {
    const { type, message } = BROKE;
    assert.deepEqual(eventsOf(path, BROKE), [{
      name: "error",
      data: { type: "error", error: { type, code: type, message, param: null } },
    }]);
  });
}
