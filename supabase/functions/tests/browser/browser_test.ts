import assert from "node:assert/strict";
import { AUDIENCE } from "../harness/client.ts";
import { isInstalled } from "../harness/installed.ts";
import { until } from "../harness/until.ts";
import { useWorld } from "../harness/world.ts";
import { type Browser, BROWSERS, withPage } from "./browsers.ts";
import type { Report } from "./page.ts";
import { startPageServer } from "./page_server.ts";

const pages = startPageServer();
Deno.test.afterAll(pages.stop);
const world = useWorld({ env: { ALLOWED_ORIGINS: `http://127.0.0.1:${pages.port}` } });

/** What page.ts reports when it is opened on the site of this name. */
async function visit(browser: Browser, hostname: string): Promise<Report> {
  const query = new URLSearchParams({ gateway: world.gateway.url, audience: AUDIENCE });
  return await withPage(
    browser,
    `http://${hostname}:${pages.port}/?${query}`,
    until("the page's report", pages.takeReport),
  );
}

for (const browser of BROWSERS) {
  const ignore = !await isInstalled(browser.program);

  Deno.test({
    name:
      `${browser.name}: a page of an allowed origin signs with keys that stay in the browser, streams answers, and runs SDKs`,
    ignore,
    fn: async () => {
      const { failure, visits, sdks } = await visit(browser, "127.0.0.1");
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

      const said = "one two three";
      assert.deepEqual(sdks?.answers, { openai: said, anthropic: said, aiSdk: said });
      const rows = await world.db.endedRows(sdks!.did, 3);
      assert.ok(rows.every(({ status }) => status === "completed"));
      // Firefox lets a script set it, for which the preflight has to ask.
      const [, , bySdk] = world.openrouter.requestsWith(await world.db.keyHash(sdks!.did));
      const agent = String(bySdk?.headers["user-agent"]);
      if (browser.name === "Firefox") assert.match(agent, /ai-sdk/);
    },
  });

  Deno.test({
    name: `${browser.name}: a page of any other origin reads nothing, and spends nothing`,
    ignore,
    fn: async () => {
      const { failure, visits } = await visit(browser, "localhost");
      assert.match(failure ?? "", /^TypeError: (Failed to fetch|NetworkError)/);
      assert.equal(visits.length, 1);
      assert.deepEqual(await world.db.rowsOf(visits[0]!.did), []);
      assert.equal(await world.db.keyHash(visits[0]!.did), null);
    },
  });
}
