import assert from "node:assert/strict";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, CHAT, chat, newIdentity } from "./harness/client.ts";
import { curl } from "./harness/curl.ts";
import { isInstalled } from "./harness/installed.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const ignore = !await isInstalled("curl");

Deno.test({
  name: "curl with a DID token as Bearer gets JSON, then a stream with the same token",
  ignore,
  fn: async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const headers = {
      authorization: `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}`,
      "content-type": "application/json",
    };
    const post = async (body: string) => {
      const answer = await curl(gateway.url + CHAT, { method: "POST", headers, body });
      assert.equal(answer.code, 0);
      return new TextDecoder().decode(answer.body);
    };

    const whole = JSON.parse(await post(chat("one two")));
    assert.equal(whole.choices[0].message.content, "one two");

    const body = chat("one two", { stream: true });
    const stream = await post(body);
    assert.match(stream, /data: \[DONE\]\n\n$/);
    assert.equal(
      stream,
      await openrouter.answerWithoutGateway("/chat/completions", body, "", stream),
    );

    const rows = await db.endedRows(identity.did, 2);
    assert.deepEqual(rows.map((row) => [row.status, row.streaming]), [
      ["completed", false],
      ["completed", true],
    ]);
  },
});
