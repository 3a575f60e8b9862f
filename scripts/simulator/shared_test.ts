import assert from "node:assert/strict";
import { type Bench, withSimulator } from "./testing.ts";
import { OTHER_WORKSPACE_ID } from "./workspaces.ts";

async function anotherKey({ manage }: Bench, settings: object = {}): Promise<string> {
  return (await (await manage("POST", "/keys", { name: "another", ...settings })).json()).key;
}

const KINDS: [path: string, body: object, member: string][] = [
  ["/files", { filename: "notes.txt", content: "secret" }, "id"],
  ["/containers", { name: "sandbox" }, "id"],
  ["/batches", { input_file_id: "or_file_1", endpoint: "/chat/completions" }, "id"],
  ["/presets", { slug: "mine", config: { model: "openai/gpt-4o" } }, "slug"],
];

for (const [path, body, member] of KINDS) {
  Deno.test(`${path}: every key of the workspace lists, reads and deletes what another made`, () =>
    withSimulator(async (bench) => {
      const { call } = bench;
      const made = await (await call(path, body)).json();
      const own = `${path}/${made[member]}`;
      const key = await anotherKey(bench);
      const { data } = await (await call(path, undefined, { key })).json();
      assert.deepEqual(data, [made]);
      assert.deepEqual(await (await call(own, undefined, { key })).json(), made);
      const deleted = await call(own, undefined, { key, method: "DELETE" });
      assert.deepEqual(await deleted.json(), { [member]: made[member], deleted: true });
      assert.equal((await call(own)).status, 404);
    }));

  Deno.test(`${path}: a key of another workspace finds nothing, one of no account is refused`, () =>
    withSimulator(async (bench) => {
      const made = await (await bench.call(path, body)).json();
      const key = await anotherKey(bench, { workspace_id: OTHER_WORKSPACE_ID });
      const { data } = await (await bench.call(path, undefined, { key })).json();
      assert.deepEqual(data, []);
      const read = await bench.call(`${path}/${made[member]}`, undefined, { key });
      assert.equal(read.status, 404);
      assert.equal((await bench.call(path, undefined, { key: "sk-or-v1-0" })).status, 401);
    }));
}

Deno.test("/files takes a form too, and gives its bytes again", () =>
  withSimulator(async (bench) => {
    const form = new FormData();
    form.set("file", new File([Uint8Array.of(0, 255, 10)], "a.bin", { type: "image/png" }));
    const { id, filename, size_bytes } = await (await bench.call("/files", form)).json();
    assert.match(id, /^or_file_/);
    assert.deepEqual([filename, size_bytes], ["a.bin", 3]);
    const key = await anotherKey(bench);
    const content = await bench.call(`/files/${id}/content`, undefined, { key });
    assert.equal(content.headers.get("content-type"), "image/png");
    assert.deepEqual(await content.bytes(), Uint8Array.of(0, 255, 10));
    assert.equal((await bench.call("/files", {})).status, 400);
  }));

Deno.test("a batch can be cancelled by every key of the workspace", () =>
  withSimulator(async (bench) => {
    const { id, status } = await (await bench.call("/batches", { input_file_id: "f" })).json();
    assert.equal(status, "in_progress");
    const key = await anotherKey(bench);
    const cancelled = await bench.call(`/batches/${id}/cancel`, {}, { key });
    assert.equal((await cancelled.json()).status, "cancelled");
    assert.equal((await (await bench.call(`/batches/${id}`)).json()).status, "cancelled");
  }));
