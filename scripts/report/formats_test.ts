import assert from "node:assert/strict";
import { written } from "./formats.ts";
import { emptyReport, fullReport, HOSTILE, oneCall } from "./testing.ts";

Deno.test("an empty range is told as such in a terminal, and has a header in CSV", async () => {
  const table = await written(emptyReport(), "table");
  assert.match(table, /^All DIDs, 2026-11-01 to 2026-11-27 \(UTC\)\n\$0 for 0 requests/);
  assert.match(table, /^Nothing was called\.$/m);
  assert.equal(
    await written(emptyReport(), "csv"),
    "day,model,requests,failed_requests,requests_without_cost,input_tokens,output_tokens,cost_usd\r\n",
  );
});

Deno.test("one call is one line", async () => {
  const csv = await written(oneCall(), "csv");
  assert.equal(csv.split("\r\n")[1], "2026-11-27,openai/gpt-4o-mini,1,0,0,12,3,0.000007765");
  const table = await written(oneCall(), "table");
  assert.match(table, /openai\/gpt-4o-mini +1 +0 +0 +12 +3 +\$0\.000008 +█/);
});

Deno.test("what clients have named is text, wherever it is written", async () => {
  const csv = await written(fullReport(), "csv");
  assert.ok(csv.includes(`"${HOSTILE.replaceAll('"', '""')}"`));
  const page = await written(fullReport(), "html");
  assert.ok(!page.includes("<script") && !page.includes("<img"));
  const named = emptyReport({
    models: [{ model: "=cmd|' /C calc'!A0\u001b[2J", ...oneCall().totals }],
    series: [{ at: "2026-11-27", model: "=1+1\u001b[2J", ...oneCall().totals }],
  });
  assert.ok(!(await written(named, "table")).includes("\u001b"));
  assert.match(await written(named, "csv"), /,'=1\+1/);
});

Deno.test("a page names its range and zone, what is left out, and the unit of each axis", async () => {
  const page = await written(fullReport(), "html");
  assert.match(page, /2026-09-29 to 2026-11-27, both included\. Days, weeks and months are UTC\./);
  assert.match(page, /What is left out[\s\S]*at most 400 answered calls a day/);
  for (const unit of ["US dollars a day", "tokens a day", "seconds", "failures a day"]) {
    assert.ok(page.includes(`>${unit}</text>`), unit);
  }
  assert.equal(page.match(/https?:\/\/(?!www\.w3\.org|evil\.example)[^"<\s]+/)?.[0], undefined);
});
