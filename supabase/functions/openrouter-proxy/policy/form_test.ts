import assert from "node:assert/strict";
import type { Bytes } from "../bytes/encodings.ts";
import { readForm } from "./form.ts";

const modelOfForm = (body: Bytes, contentType: string | null) => readForm(body, contentType).model;

/** A form as fetch sends it, with its content-type. */
async function formOf(...fields: [name: string, value: string | Blob][]) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  const request = new Request("https://gateway.example/", { method: "POST", body: form });
  const contentType = request.headers.get("content-type");
  return { body: new Uint8Array(await request.arrayBuffer()), contentType };
}

async function modelOf(...fields: [name: string, value: string | Blob][]) {
  const { body, contentType } = await formOf(...fields);
  return modelOfForm(body, contentType);
}

const AUDIO = new Blob([new Uint8Array(100_000)]);

Deno.test("readForm reads the field model, wherever it stands", async () => {
  assert.equal(await modelOf(["model", "openai/whisper-1"]), "openai/whisper-1");
  assert.equal(await modelOf(["file", AUDIO], ["model", "m"], ["language", "en"]), "m");
  assert.equal(await modelOf(["model", "日本"], ["file", AUDIO]), "日本");
});

Deno.test("readForm takes the last one of several, as JSON does", async () => {
  assert.equal(await modelOf(["model", "a"], ["model", "b"]), "b");
});

Deno.test("readForm finds none in other fields, and none that no model can be called", async () => {
  assert.equal(await modelOf(["prompt", 'name="model"'], ["models", "a"], ["file", AUDIO]), null);
  assert.equal(await modelOf(["model", ""]), null);
  assert.equal(await modelOf(["model", "m".repeat(5_000)]), null);
});

Deno.test("readForm reads nothing of a body that is no form, or a broken one", async () => {
  const { body, contentType } = await formOf(["model", "m"]);
  for (const other of [null, "", "application/json", "multipart/form-data", "multipart/mixed"]) {
    assert.equal(modelOfForm(body, other), null, String(other));
  }
  assert.equal(modelOfForm(body.subarray(0, -50), contentType), null);
  assert.equal(modelOfForm(new Uint8Array(), contentType), null);
});

Deno.test("readForm takes a boundary in quotes, and a field's name without", () => {
  const body = "--a b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--a b--\r\n";
  const type = 'multipart/form-data; charset=utf-8; boundary="a b"';
  assert.equal(modelOfForm(new TextEncoder().encode(body), type), "m");
});

Deno.test("readForm finds what reaches beyond the caller, as in a JSON body", async () => {
  const reached = async (...fields: [name: string, value: string | Blob][]) => {
    const { body, contentType } = await formOf(...fields);
    const { sharedFeatures } = readForm(body, contentType);
    return sharedFeatures.map(({ feature, param }) => `${feature} at ${param}`);
  };
  assert.deepEqual(await reached(["model", "@preset/mine"]), ["preset at model"]);
  assert.deepEqual(await reached(["model", "@preset/a"], ["model", "b"]), ["preset at model"]);
  assert.deepEqual(await reached(["preset", "a"], ["preset", "b"]), ["preset at preset"]);
  assert.deepEqual(await reached(["file_id", "file-1"]), ["file at file_id"]);
  assert.deepEqual(await reached(["file_ids[]", "file-1"]), ["file at file_ids[]"]);
  assert.deepEqual(await reached(["container", "cntr_1"], ["preset", "p"]), [
    "container at container",
    "preset at preset",
  ]);
  assert.deepEqual(await reached(["container", ""], ["preset", ""], ["model", "m"]), []);
  assert.deepEqual(await reached(["prompt", "@preset/mine"], ["file", AUDIO]), []);
});
