/** The gateway's own errors, as the users of SDKs see them, and how often the SDKs try. */
import Anthropic from "@anthropic-ai/sdk";
import { ChatAnthropic } from "@langchain/anthropic";
import { OpenRouter } from "@openrouter/sdk";
import assert from "node:assert/strict";
import OpenAI from "openai";
import { createDidToken, type Identity } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, newIdentity } from "./harness/client.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { setLimits } from "./harness/limits.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
/** One whose Data API nobody can reach. */
let storeless: GatewayProcess;
Deno.test.beforeAll(async () => {
  [storeless] = await startGateways(1, {
    ...world.env,
    SUPABASE_URL: "http://127.0.0.1:9",
  }) as [GatewayProcess];
  world.defer(() => storeless.stop());
});

const model = "openai/gpt-4o-mini";
const messages = [{ role: "user" as const, content: "one two three" }];

/** What an SDK is configured with; `statuses` holds those of all answers that it got. */
interface Access {
  token: string;
  baseURL: string;
  headers: Record<string, string>;
  statuses: number[];
  fetch: typeof fetch;
}

async function accessOf(
  identity: Identity,
  { gateway = world.gateway, audience = AUDIENCE }: {
    gateway?: GatewayProcess;
    audience?: string;
  } = {},
): Promise<Access> {
  const statuses: number[] = [];
  return {
    token: await createDidToken(identity, { audience }),
    baseURL: `${gateway.url}/api/v1/openrouter`,
    headers: {},
    statuses,
    async fetch(input, init) {
      const response = await fetch(input, init);
      statuses.push(response.status);
      return response;
    },
  };
}

function openaiOf({ token, baseURL, headers, fetch }: Access): OpenAI {
  return new OpenAI({ apiKey: token, baseURL, fetch, defaultHeaders: headers, maxRetries: 1 });
}

function anthropicOf({ token, baseURL, headers, fetch }: Access): Anthropic {
  const auth = { apiKey: null, authToken: token };
  return new Anthropic({ ...auth, baseURL, fetch, defaultHeaders: headers, maxRetries: 1 });
}

interface Sdk {
  call: (access: Access) => PromiseLike<unknown>;
  /** The class of an error with that status. */
  errors: Record<number, new (...args: never[]) => Error>;
}

const OPENAI_ERRORS = {
  401: OpenAI.AuthenticationError,
  402: OpenAI.APIError,
  403: OpenAI.PermissionDeniedError,
  404: OpenAI.NotFoundError,
  409: OpenAI.ConflictError,
  429: OpenAI.RateLimitError,
  503: OpenAI.InternalServerError,
};
const SDKS: Record<string, Sdk> = {
  "openai, chat": {
    call: (access) => openaiOf(access).chat.completions.create({ model, messages }),
    errors: OPENAI_ERRORS,
  },
  "openai, responses": {
    call: (access) => openaiOf(access).responses.create({ model, input: "one two three" }),
    errors: OPENAI_ERRORS,
  },
  "@anthropic-ai/sdk": {
    call: (access) => anthropicOf(access).messages.create({ model, messages, max_tokens: 99 }),
    errors: {
      401: Anthropic.AuthenticationError,
      402: Anthropic.APIError,
      403: Anthropic.PermissionDeniedError,
      404: Anthropic.NotFoundError,
      409: Anthropic.ConflictError,
      429: Anthropic.RateLimitError,
      503: Anthropic.InternalServerError,
    },
  },
};

interface Case {
  what: string;
  status: number;
  type: string;
  message: RegExp;
  tries: number;
  access: () => Promise<Access>;
}

const CASES: Case[] = [
  {
    what: "a token for another gateway",
    status: 401,
    type: "invalid_token",
    message: /audience|aud/,
    tries: 1,
    access: async () =>
      await accessOf(await newIdentity(), { audience: "https://elsewhere.example" }),
  },
  {
    what: "a budget that is spent",
    status: 402,
    type: "budget_exceeded",
    message: /budget/,
    tries: 1,
    access: () => limited({ daily_budget_usd: 0 }),
  },
  {
    what: "a model outside the list",
    status: 403,
    type: "model_not_allowed",
    message: /openai\/gpt-4o-mini/,
    tries: 1,
    access: () => limited({ allowed_models: ["anthropic/*"] }),
  },
  {
    what: "a base URL with a /v1 too many",
    status: 404,
    type: "not_found",
    message: /did you mean \/api\/v1\/openrouter\/(?:chat\/completions|responses|messages)\?/,
    tries: 1,
    async access() {
      const access = await accessOf(await newIdentity());
      return { ...access, baseURL: `${world.gateway.url}/api/v1/v1` };
    },
  },
  {
    what: "another call under way",
    status: 429,
    type: "rate_limited",
    message: /under way/,
    tries: 2,
    async access() {
      const access = await limited({ concurrent_requests: 1 });
      // It stays under way until the gateway ends.
      world.openrouter.addFault({ on: "POST /chat/completions", faults: "hang:1" });
      const { apiKey, baseURL } = openaiOf(access);
      const response = await fetch(`${baseURL}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages, stream: true }),
      });
      underWay.push(response);
      return access;
    },
  },
  {
    what: "a database that is down",
    status: 503,
    type: "store_unavailable",
    message: /database|Postgres|store/i,
    tries: 2,
    access: async () => await accessOf(await newIdentity(), { gateway: storeless }),
  },
];

/** Answers that nobody reads. */
const underWay: Response[] = [];
Deno.test.afterAll(async () => {
  for (const { body } of underWay) await body?.cancel();
});

async function limited(limits: Parameters<typeof setLimits>[2]): Promise<Access> {
  const identity = await newIdentity();
  await setLimits(world.db, identity.did, limits);
  return await accessOf(identity);
}

/** What an SDK threw, with what the gateway told it. */
interface Thrown extends Error {
  status: number;
  /** OpenAI's SDK reads it from `x-request-id`, Anthropic's from `request-id`. */
  requestID: string | null;
  error: { error?: unknown; type: string; message: string; request_id: string };
  headers: Headers;
}

async function thrownBy(attempt: PromiseLike<unknown>): Promise<Thrown> {
  try {
    await attempt;
  } catch (error) {
    return error as Thrown;
  }
  assert.fail("nothing was thrown");
}

/** OpenAI's SDK hands out the member `error`, Anthropic's all of the body. */
function toldBy({ error }: Thrown): Thrown["error"] {
  return (error.error ?? error) as Thrown["error"];
}

for (const { what, status, type, message, tries, access } of CASES) {
  for (const [name, { call, errors }] of Object.entries(SDKS)) {
    // It waits as the other API of the same package does.
    if (tries > 1 && name === "openai, responses") continue;
    Deno.test(`${name} raises ${type} for ${what} after ${tries} ${tries === 1 ? "try" : "tries"}`, async () => {
      const used = await access();
      const error = await thrownBy(call(used));
      assert.ok(error instanceof errors[status]!, String(error));
      assert.equal(error.status, status);
      assert.match(error.message, message);
      assert.equal(toldBy(error).type, type);
      assert.equal(toldBy(error).request_id, error.headers.get("x-request-id"));
      assert.equal(error.requestID, toldBy(error).request_id);
      assert.deepEqual(used.statuses, Array(tries).fill(status));
    });
  }
}

for (const [name, { call, errors }] of Object.entries(SDKS)) {
  Deno.test(`${name} raises duplicate_request after one try`, async () => {
    const access = await accessOf(await newIdentity());
    access.headers["idempotency-key"] = "the-same-twice";
    await call(access);
    const error = await thrownBy(call(access));
    assert.ok(error instanceof errors[409]!, String(error));
    assert.equal(toldBy(error).type, "duplicate_request");
    assert.deepEqual(access.statuses, [200, 409]);
  });
}

Deno.test("@openrouter/sdk raises a refusal with its message", async () => {
  const { token, baseURL } = await limited({ allowed_models: ["anthropic/*"] });
  const openrouter = new OpenRouter({ apiKey: token, serverURL: baseURL });
  const error = await thrownBy(openrouter.chat.send({ chatRequest: { model, messages } }));
  assert.equal((error as unknown as { statusCode: number }).statusCode, 403);
  assert.match(error.message, /openai\/gpt-4o-mini/);
});

Deno.test("Anthropic's SDK and LangChain find /v1/messages below the gateway's base URL", async () => {
  const identity = await newIdentity();
  const access = await accessOf(identity);
  const anthropic = anthropicOf(access);
  const whole = await anthropic.messages.create({ model, messages, max_tokens: 3 });
  const requestId = whole._request_id;
  assert.deepEqual(whole.content.map((block) => block.type === "text" && block.text), [
    "one two three",
  ]);
  const stream = anthropic.messages.stream({ model, messages, max_tokens: 3 });
  assert.equal(await stream.finalText(), "one two three");
  const langchain = new ChatAnthropic({
    model,
    maxTokens: 3,
    apiKey: "unused",
    anthropicApiUrl: access.baseURL,
    clientOptions: { apiKey: null, authToken: access.token },
  });
  assert.equal((await langchain.invoke("one two three")).text, "one two three");
  const rows = await world.db.endedRows(identity.did, 3);
  assert.ok(stream.request_id);
  assert.deepEqual(rows.map(({ id }) => id).slice(0, 2), [requestId, stream.request_id]);
  assert.deepEqual(rows.map((row) => [row.status, row.endpoint]), [
    ["completed", "/messages"],
    ["completed", "/messages"],
    ["completed", "/messages"],
  ]);
});

Deno.test("asking for a count of tokens, and for models as Anthropic's clients do, leaves no row", async () => {
  const identity = await newIdentity();
  const anthropic = anthropicOf(await accessOf(identity));
  // OpenRouter has none, which clients cope with.
  const error = await thrownBy(anthropic.messages.countTokens({ model, messages }));
  assert.ok(error instanceof Anthropic.NotFoundError);
  const beta = await thrownBy(anthropic.beta.messages.countTokens({ model, messages }));
  assert.ok(beta instanceof Anthropic.NotFoundError);
  const { data } = await anthropic.models.list();
  assert.ok(data.some(({ id }) => id === model));
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

for (
  const [path, forwarded] of [
    ["/models/openai%2Fgpt-4o-mini", "/models/openai/gpt-4o-mini"],
    ["/models/openai%2Fgpt-4o-mini/endpoints", "/models/openai/gpt-4o-mini/endpoints"],
    ["/v1/model/openai%2fgpt-4o-mini", "/model/openai/gpt-4o-mini"],
  ] as const
) {
  Deno.test(`${path} reaches OpenRouter as ${forwarded}`, async () => {
    const { token, baseURL } = await accessOf(await newIdentity());
    const answer = await fetch(baseURL + path, { headers: { authorization: `Bearer ${token}` } });
    const direct = await fetch(world.openrouter.url + forwarded);
    assert.equal(answer.status, direct.status);
    assert.equal(await answer.text(), await direct.text());
    const { recent } = world.openrouter.ledger().requests;
    const paths = recent.slice(-2).map(({ path }) => path);
    assert.deepEqual(paths, [`/api/v1${forwarded}`, `/api/v1${forwarded}`]);
  });
}

Deno.test("openai.models.retrieve gets OpenRouter's own answer, which has no such path", async () => {
  const openai = openaiOf(await accessOf(await newIdentity()));
  const error = await thrownBy(openai.models.retrieve(model));
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.message, "404 Not Found");
});
