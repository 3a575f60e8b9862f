import assert from "node:assert/strict";
import { chat, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID, OTHER_WORKSPACE_ID } from "./workspaces.ts";

Deno.test("a key belongs to the workspace that it was made in, else to the default one", () =>
  withSimulator(async ({ manage, hash, simulator }) => {
    const body = { name: "other", workspace_id: OTHER_WORKSPACE_ID, external: { user: "u1" } };
    const { data } = await (await manage("POST", "/keys", body)).json();
    assert.deepEqual([data.workspace_id, data.external_user], [OTHER_WORKSPACE_ID, "u1"]);
    const own = (await (await manage("GET", `/keys/${hash}`)).json()).data;
    assert.equal(own.workspace_id, DEFAULT_WORKSPACE_ID);
    assert.deepEqual(simulator.ledger().keys.map((key) => key.workspace_id), [
      DEFAULT_WORKSPACE_ID,
      OTHER_WORKSPACE_ID,
    ]);
  }));

Deno.test("GET /keys lists the default workspace alone unless another is asked for", () =>
  withSimulator(async ({ manage }) => {
    await manage("POST", "/keys", { name: "other", workspace_id: OTHER_WORKSPACE_ID });
    const names = async (query: string) => {
      const { data } = await (await manage("GET", `/keys${query}`)).json();
      return data.map((key: { name: string }) => key.name);
    };
    assert.deepEqual(await names(""), ["tester"]);
    assert.deepEqual(await names(`?workspace_id=${DEFAULT_WORKSPACE_ID}`), ["tester"]);
    assert.deepEqual(await names(`?workspace_id=${OTHER_WORKSPACE_ID}`), ["other"]);
  }));

Deno.test("the management key reads, changes and deletes keys of every workspace by their hash", () =>
  withSimulator(async ({ manage }) => {
    const made = await manage("POST", "/keys", { name: "x", workspace_id: OTHER_WORKSPACE_ID });
    const { data } = await made.json();
    const path = `/keys/${data.hash}`;
    assert.equal((await (await manage("GET", path)).json()).data.name, "x");
    assert.equal((await (await manage("PATCH", path, { name: "y" })).json()).data.name, "y");
    assert.deepEqual(await (await manage("DELETE", path)).json(), { deleted: true });
  }));

Deno.test("an unknown workspace is a 400, to make a key in and to list", () =>
  withSimulator(async ({ manage }) => {
    const workspace_id = "00000000-0000-4000-8000-000000000000";
    assert.equal((await manage("POST", "/keys", { name: "x", workspace_id })).status, 400);
    assert.equal((await manage("GET", `/keys?workspace_id=${workspace_id}`)).status, 400);
  }));

Deno.test("GET /workspaces lists both; an ordinary key may not ask", () =>
  withSimulator(async ({ manage, call }) => {
    const { data } = await (await manage("GET", "/workspaces")).json();
    assert.deepEqual(data.map((workspace: { id: string }) => workspace.id), [
      DEFAULT_WORKSPACE_ID,
      OTHER_WORKSPACE_ID,
    ]);
    assert.equal((await call("/workspaces")).status, 401);
  }));

Deno.test("the management key makes no calls", () =>
  withSimulator(async ({ manage, simulator }) => {
    for (const path of ["/chat/completions", "/files"]) {
      const refused = await manage("POST", path, chat(1));
      assert.equal(refused.status, 401);
      assert.equal((await refused.json()).error.message, "User not found.");
    }
    assert.equal(simulator.ledger().generations, 0);
  }));
