import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { openedBy } from "../policy/endpoints.ts";
import { orderOf } from "./order.ts";

/** The order of a request with this body. */
async function ordered(path: string, body: BodyInit | null, method = "POST") {
  const request = new Request("https://gateway.example/", { method, body });
  const bytes = new Uint8Array(await request.arrayBuffer());
  return await orderOf(openedBy(method, { path, search: "" }, ["/extra"]), request.headers, bytes);
}

function form(): FormData {
  const form = new FormData();
  form.append("file", new Blob([utf8("RIFF")]), "a.wav");
  form.append("model", "openai/whisper-1");
  return form;
}

const TRANSCRIPTION =
  '{"model":"openai/whisper-1","input_audio":{"data":"UklGRg==","format":"wav"}}';

for (
  const [what, path, body] of [
    ["a transcription in JSON", "/audio/transcriptions", TRANSCRIPTION],
    ["a transcription in a form", "/audio/transcriptions", form()],
    ["an unknown call in JSON", "/extra/path", TRANSCRIPTION],
    ["an unknown call in a form", "/extra/path", form()],
  ] as const
) {
  Deno.test(`the model of ${what} is the one that its body names`, async () => {
    assert.equal((await ordered(path, body)).model, "openai/whisper-1");
  });
}

for (
  const [type, body] of [
    ["multipart/form-data", form()],
    ["application/x-www-form-urlencoded", new URLSearchParams({ model: "m" })],
  ] as const
) {
  Deno.test(`a body of ${type} is refused by its name where a call takes JSON`, async () => {
    for (const path of ["/videos", "/chat/completions"]) {
      await assert.rejects(ordered(path, body), {
        type: "invalid_request",
        message: `the request body is a form (${type}): ${path} takes JSON`,
      });
    }
  });

  Deno.test(`JSON that is called ${type}, as curl does, is JSON`, async () => {
    const json = new Blob(['{"model":"m"}'], { type });
    assert.equal((await ordered("/chat/completions", json)).model, "m");
  });
}

Deno.test("a model is booked under its whole name, whether or not the body has its author", async () => {
  for (const name of ["jev-1.13", "typesafe/jev-1.13"]) {
    const { model } = await ordered("/systemone", JSON.stringify({ model: name }));
    assert.equal(model, "typesafe/jev-1.13");
  }
  assert.equal((await ordered("/chat/completions", '{"model":"jev-1.13"}')).model, "jev-1.13");
});

Deno.test("a body that names no model has none", async () => {
  assert.equal((await ordered("/audio/transcriptions", "RIFF")).model, null);
  assert.equal((await ordered("/chat/completions", '{"model":7}')).model, null);
  assert.equal((await ordered("/chat/completions", '{"model":""}')).model, null);
});

for (
  const [body, isFree] of [
    ['{"model":"a/b:free"}', true],
    ['{"model":"a/b"}', false],
    ['{"model":"a/b:online:free"}', false],
    ['{"model":"a/b:free","tools":[{"type":"openrouter:web_search"}]}', false],
    ['{"model":"a/b:free","plugins":[{"id":"web"}]}', false],
    ['{"model":"a/b:free","web_search_options":{}}', false],
    ['{"model":"a/b:free","models":["a/c"]}', false],
    ['{"model":"a/b:free","messages":[{"content":[{"type":"file"}]}]}', false],
    ['{"model":"a/b:free","messages":[{"content":[{"type":"image_url"}]}]}', true],
    ['{"model":"a/b:free","fallbacks":[{"model":"a/c"}]}', false],
    ['{"model":"a/b","model":"a/b:free"}', false],
    ['{"model":"a/b:free","preset":"x"}', false],
    // What cannot be told for certain is asked of OpenRouter.
    ['{"model":"a/b:free","models":["a/b:free"]}', false],
    ['{"model":"a/b:free","plugins":[{"id":"moderation"}]}', false],
    ['{"model":"a/b:free","tools":[{"type":"function"}]}', false],
    ['{"model":"a/b:free","web_search_options":null}', false],
    ['{"model":"a/b:free","fallbacks":[]}', false],
    ['{"model":"~a/b:free"}', false],
  ] as const
) {
  Deno.test(`${body} is ${isFree ? "free" : "not free"}`, async () => {
    assert.equal((await ordered("/chat/completions", body)).isFree, isFree);
  });
}

Deno.test("a form is never known to be free", async () => {
  const free = form();
  free.set("model", "a/b:free");
  assert.equal((await ordered("/audio/transcriptions", free)).isFree, false);
});

for (
  const [body, chargesErrors] of [
    ['{"model":"a/b"}', false],
    ['{"model":"a/b","tools":[{"type":"function"}]}', false],
    ['{"model":"a/b","plugins":[{"id":"response-healing"}]}', false],
    ['{"model":"a/b","messages":[{"content":[{"type":"image_url"}]}]}', false],
    ['{"model":"a/b","messages":[{"content":[{"type":"file"}]}]}', true],
    ['{"model":"a/b:online"}', true],
    ['{"model":"a/b","plugins":[{"id":"web"}]}', true],
    ['{"model":"a/b","tools":[{"type":"openrouter:web_fetch"}]}', true],
  ] as const
) {
  Deno.test(`${body} is ${chargesErrors ? "" : "not "}charged although it fails`, async () => {
    assert.equal((await ordered("/chat/completions", body)).chargesErrors, chargesErrors);
    assert.equal((await ordered("/messages/count_tokens", body)).chargesErrors, false);
  });
}

Deno.test("what is heard to its end is a call that is no stream", async () => {
  const isHeard = async (...request: Parameters<typeof ordered>) =>
    (await ordered(...request)).isHeard;
  assert.equal(await isHeard("/chat/completions", '{"model":"m"}'), true);
  assert.equal(await isHeard("/chat/completions", '{"model":"m","stream":false}'), true);
  assert.equal(await isHeard("/chat/completions", '{"model":"m","stream":true}'), false);
  assert.equal(await isHeard("/audio/speech", '{"model":"m"}'), true);
  assert.equal(await isHeard("/extra/path", null), true);
  assert.equal(await isHeard("/models", null, "GET"), false);
  assert.equal(await isHeard("/messages/count_tokens", "{}"), false);
});

Deno.test("what leads to a job is its beginning and a look at it, not its content", async () => {
  const hasLinks = async (...request: Parameters<typeof ordered>) =>
    (await ordered(...request)).hasLinks;
  assert.equal(await hasLinks("/videos", '{"model":"m"}'), true);
  assert.equal(await hasLinks("/Videos/", '{"model":"m"}'), true);
  assert.equal(await hasLinks("/videos/job-1", null, "GET"), true);
  assert.equal(await hasLinks("/videos/job-1/content", null, "GET"), false);
  assert.equal(await hasLinks("/chat/completions", '{"model":"m"}'), false);
});

Deno.test("a job or a generation that is asked for must be the caller's own", async () => {
  for (
    const [path, search, id] of [
      ["/videos/job-1", "", "job-1"],
      ["/videos/job-1/content", "", "job-1"],
      ["/generation", "?id=gen-1", "gen-1"],
    ] as const
  ) {
    const opened = openedBy("GET", { path, search }, []);
    const { ownedGenerations } = await orderOf(opened, new Headers(), new Uint8Array());
    assert.deepEqual(ownedGenerations, [id]);
  }
  assert.deepEqual((await ordered("/models", null, "GET")).ownedGenerations, []);
  const goesOn = await ordered("/videos", '{"model":"m","previous_job_id":"job-1"}');
  assert.deepEqual(goesOn.ownedGenerations, ["job-1"]);
});

Deno.test("what is free belongs to no session, and is sent under no Idempotency-Key", async () => {
  const headers = new Headers({ "x-session-id": "s", "idempotency-key": "k" });
  const orderAt = async (path: string) =>
    await orderOf(openedBy("POST", { path, search: "" }, []), headers, utf8('{"model":"a/b"}'));
  const call = await orderAt("/messages");
  assert.deepEqual([call.origin.session, call.idempotency?.key], ["s", "k"]);
  const free = await orderAt("/messages/count_tokens");
  assert.deepEqual([free.origin.session, free.idempotency], [null, null]);
});

Deno.test("what is free reaches by its body what others have, too", async () => {
  const features = async (body: string | null) =>
    (await ordered("/messages/count_tokens", body)).sharedFeatures.map(({ feature }) => feature);
  assert.deepEqual(await features('{"model":"@preset/x"}'), ["preset"]);
  assert.deepEqual(await features('{"model":"a/b"}'), []);
  assert.deepEqual(await features(null), []);
  assert.deepEqual(await features("no JSON"), []);
  assert.deepEqual(await features("x"), []);
  // Of what runs nothing is known, so that it may be anybody's shell.
  const shell = '{"model":"openai/gpt-5","tools":[{"type":"shell"}]}';
  assert.deepEqual(await features(shell), ["openrouter:shell"]);
});

Deno.test("what is booked as no call asks for nothing that costs", async () => {
  const body = '{"model":"m","tools":[{"type":"openrouter:web_search"}]}';
  assert.equal((await ordered("/messages/count_tokens", body)).asks, null);
  assert.equal((await ordered("/models", null, "GET")).asks, null);
  assert.equal((await ordered("/messages", body)).asks?.serverTools.length, 1);
});
