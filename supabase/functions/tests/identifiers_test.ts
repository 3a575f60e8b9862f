/** The operator's identifiers stay at the gateway, wherever OpenRouter's answers hold them. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { ORGANIZATION_ID, USER_ID } from "../../../scripts/simulator/identifiers.ts";
import { DEFAULT_WORKSPACE_ID } from "../../../scripts/simulator/workspaces.ts";
import { AUDIENCE, call, type Identity, newIdentity } from "./harness/client.ts";
import { startFront } from "./harness/front.ts";
import { inTurns } from "./harness/in_turns.ts";
import { CALLS } from "./harness/open_paths.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld();
/** Where OpenRouter gives answers that the simulator does not. */
const fronted = useWorld({ env: { OPENROUTER_API_URL: front.url } });
Deno.test.beforeAll(() => {
  front.target = fronted.openrouter.url;
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";
let identity: Identity;

Deno.test.beforeAll(async () => {
  identity = await newIdentity();
});

const IDENTIFIER = new RegExp(
  `${USER_ID}|${ORGANIZATION_ID}|${DEFAULT_WORKSPACE_ID}|\\b[0-9a-f]{64}\\b`,
);

/** The text as clients may have it; an identifier that is covered in its own length, too. */
function redacted(text: string): string {
  return text.replaceAll(new RegExp(IDENTIFIER, "g"), "[redacted]").replaceAll(
    /(?<=\[redacted\]) +/g,
    "",
  );
}

const PATHS = ["/chat/completions", "/responses", "/messages"] as const;

/** Errors inside a 200, and as a status. */
const ERRORS = [
  ...["error:429:2", "error:502:0", "error:server_error:1", "error:502:2,bare-error"],
  ...["spaced", "gzip", "split:7"].map((how) => `error:502:1,${how}`),
].map((faults) => `${faults},user-id,raw-ids`);
const STATUSES = ["status:400", "status:402", "status:429:7", "status:502", "provider-429:3"]
  .map((faults) => `${faults},raw-ids`);

const CASES: [what: string, path: typeof PATHS[number], stream: boolean, faults: string[]][] = [
  ...PATHS.flatMap((path): typeof CASES => [
    [`error inside the JSON of ${path}`, path, false, ERRORS],
    [`error inside a stream of ${path}`, path, true, ERRORS],
    [`error status of ${path}`, path, true, STATUSES],
  ]),
  ["error of a choice", "/chat/completions", false, ["choice-error,user-id,raw-ids"]],
];

for (const [what, path, stream, kinds] of CASES) {
  Deno.test(`no ${what} tells an identifier, and all else of it arrives as it came`, async () => {
    const { gateway, openrouter } = world;
    await inTurns(kinds, async (faults) => {
      const body = JSON.stringify({ ...CALLS[path], ...(stream ? { stream } : {}) });
      const response = await call(gateway, identity, "POST", API + path, body, {
        headers: { "x-openrouter-simulate": faults },
      });
      const answer = await response.text();
      const direct = await openrouter.answerWithoutGateway(path, body, faults, answer);
      const both = `${faults}\n${answer}\n${direct}`;
      assert.match(direct, IDENTIFIER, both);
      assert.doesNotMatch(answer, IDENTIFIER, both);
      assert.match(answer, /\[redacted\]/, both);
      const undated = (text: string) => text.replaceAll(/"created(?:_at)?": ?\d+/g, '"created":0');
      assert.equal(undated(redacted(answer)), undated(redacted(direct)), both);
    });
  });
}

Deno.test("an SDK raises OpenRouter's error with its own message, whatever was redacted in it", async () => {
  const openai = new OpenAI({
    baseURL: world.gateway.url + API,
    apiKey: await createDidToken(identity, { audience: AUDIENCE }),
    maxRetries: 0,
  });
  const ask = (faults: string, stream: boolean) =>
    openai.chat.completions.create({
      model: "openai/gpt-4o-mini",
      messages: [{ role: "user", content: "hi" }],
      stream,
    }, { headers: { "x-openrouter-simulate": faults } });
  await assert.rejects(ask("status:502,raw-ids", false), /Provider returned error/);
  await assert.rejects(async () => {
    const stream = await ask("error:502:1,user-id,raw-ids", true);
    for await (const _ of stream as AsyncIterable<unknown>) { /* until the error */ }
  }, /Provider returned error/);
});

for (const path of ["/key", "/generation?id=$"]) {
  Deno.test(`GET ${path} tells no identifier, and all else`, async () => {
    const { db, gateway, openrouter } = world;
    const chat = await call(
      gateway,
      identity,
      "POST",
      `${API}/chat/completions`,
      JSON.stringify(CALLS["/chat/completions"]),
    );
    const { id } = await chat.json();
    await db.endedRow(chat);
    const asked = path.replace("$", id);
    const response = await call(gateway, identity, "GET", API + asked);
    assert.equal(response.status, 200);
    const answer = await response.text();
    const direct = await fetch(openrouter.url + asked, {
      headers: { authorization: `Bearer ${openrouter.managementKey}` },
    });
    assert.match(await direct.clone().text(), IDENTIFIER);
    assert.doesNotMatch(answer, IDENTIFIER);
    const data = JSON.parse(redacted(answer)).data;
    const full = (await direct.json()).data;
    assert.deepEqual(Object.keys(data), Object.keys(full));
    assert.equal(data.creator_user_id, "[redacted]");
    assert.equal(data.workspace_id, "[redacted]");
    if (path.startsWith("/generation")) {
      for (const [name, value] of Object.entries(full)) {
        if (name !== "creator_user_id" && name !== "workspace_id") {
          assert.deepEqual(data[name], value, name);
        }
      }
    }
  });
}

Deno.test("GET /key tells the budgets of its key alone, and of none whose they are at OpenRouter", async () => {
  const budget = (scope: string, spend_usd: number) => ({
    scope,
    guardrail_id: scope === "workspace" ? null : DEFAULT_WORKSPACE_ID,
    budget_id: scope === "workspace" ? DEFAULT_WORKSPACE_ID : null,
    include_byok: false,
    limit_usd: 100,
    spend_usd,
    remaining_usd: 100 - spend_usd,
    reset_interval: "daily",
    resets_at: "2030-01-01T00:00:00.000Z",
  });
  const budgets = [budget("member", 31), budget("api_key", 2.5), budget("workspace", 41)];
  using _answers = {
    [Symbol.dispose]: () => front.handlers.delete("GET /key"),
  };
  const { gateway, db } = fronted;
  // The key of another one here may be sealed for the other gateway.
  const identity = await newIdentity();
  const begun = await call(
    gateway,
    identity,
    "POST",
    `${API}/chat/completions`,
    JSON.stringify(CALLS["/chat/completions"]),
  );
  await db.endedRow(begun);
  for (const told of [true, false]) {
    const json = JSON.stringify({ data: { label: "l", budgets, effective_budget: budgets[2] } });
    front.handlers.set("GET /key", (_request, response) => {
      const length = told ? { "content-length": json.length } : {};
      response.writeHead(200, { "content-type": "application/json", ...length });
      response.end(json);
    });
    const answer = await call(gateway, identity, "GET", `${API}/key`);
    assert.deepEqual(await answer.json(), {
      data: {
        label: "l",
        budgets: [{ ...budgets[1], guardrail_id: "[redacted]" }],
        effective_budget: null,
      },
    });
  }
});

Deno.test("what a model writes is never redacted, whatever it looks like", async () => {
  const { gateway, openrouter } = world;
  const words = `{"user_id":"${USER_ID}"} workspace_id ${DEFAULT_WORKSPACE_ID} ${"ab".repeat(32)}`;
  for (const stream of [false, true]) {
    const body = JSON.stringify({
      ...CALLS["/chat/completions"],
      messages: [{ role: "user", content: words }],
      stream,
    });
    const response = await call(gateway, identity, "POST", `${API}/chat/completions`, body);
    const answer = await response.text();
    const direct = await openrouter.answerWithoutGateway("/chat/completions", body, "", answer);
    assert.equal(answer, direct);
    assert.ok(answer.includes(DEFAULT_WORKSPACE_ID));
  }
});
