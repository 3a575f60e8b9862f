import assert from "node:assert/strict";
import { AUDIENCE } from "../harness/client.ts";
import { isInstalled } from "../harness/installed.ts";
import { until } from "../harness/until.ts";
import { useWorld } from "../harness/world.ts";
import { CHROMIUM, withPage } from "./chromium.ts";
import type { Report } from "./page.ts";
import { startPageServer } from "./page_server.ts";

const ignore = !await isInstalled(CHROMIUM);
const pages = startPageServer();
Deno.test.afterAll(pages.stop);
const world = useWorld({ env: { ALLOWED_ORIGINS: `http://127.0.0.1:${pages.port}` } });

/** What page.ts reports when it is opened on the site of this name. */
async function visit(hostname: string): Promise<Report> {
  const query = new URLSearchParams({ gateway: world.gateway.url, audience: AUDIENCE });
  return await withPage(
    `http://${hostname}:${pages.port}/?${query}`,
    until("the page's report", pages.takeReport),
  );
}

Deno.test({
  name: "a page of an allowed origin signs with keys that stay in the browser, and streams answers",
  ignore,
  fn: async () => {
    const { failure, visits } = await visit("127.0.0.1");
    assert.equal(failure, null);
    assert.equal(visits.length, 2);
    assert.equal(visits[1]?.algorithm, "ES256");

    for (const { did, keyWasExported, unfinished, content, headers, refusal } of visits) {
      assert.equal(keyWasExported, false);
      assert.equal(unfinished, "one two");
      assert.equal(content, "one two three");

      const rows = await world.db.endedRows(did, 2);
      const row = rows.find(({ status }) => status === "completed");
      assert.equal(headers["x-request-id"], row?.id);
      assert.equal(headers["x-generation-id"], row?.generation_id);
      assert.match(headers["server-timing"] ?? "", /^auth;.*admit;.*upstream;/);

      assert.equal(refusal.status, 401);
      assert.equal(refusal.type, "missing_credentials");
      assert.match(refusal.requestId ?? "", /^[0-9a-f-]{36}$/);
    }
  },
});

Deno.test({
  name: "a page of any other origin reads nothing, and spends nothing",
  ignore,
  fn: async () => {
    const { failure, visits } = await visit("localhost");
    assert.match(failure ?? "", /^TypeError: Failed to fetch/);
    assert.equal(visits.length, 1);
    assert.deepEqual(await world.db.rowsOf(visits[0]!.did), []);
    assert.equal(await world.db.keyHash(visits[0]!.did), null);
  },
});
