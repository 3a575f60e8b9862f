import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { signedFetch } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** How an app is known to Supabase; what supabase-js sends follows from it. */
interface App {
  apikey: string;
  accessToken?: () => Promise<string>;
}

const APPS: [whose: string, app: () => App, bearer: (app: App) => Promise<string | null>][] = [
  [
    "with a publishable key, and no Bearer",
    () => ({ apikey: world.stack.publishableKey }),
    () => Promise.resolve(null),
  ],
  [
    "with a legacy anon key, which is its Bearer too",
    () => ({ apikey: jwt({ iss: "supabase", role: "anon" }) }),
    ({ apikey }) => Promise.resolve(`Bearer ${apikey}`),
  ],
  [
    "with the session of a user for its Bearer",
    () => {
      const session = jwt({
        iss: `${world.stack.url}/auth/v1`,
        aud: "authenticated",
        role: "authenticated",
        sub: crypto.randomUUID(),
      });
      return { apikey: world.stack.publishableKey, accessToken: () => Promise.resolve(session) };
    },
    async ({ accessToken }) => `Bearer ${await accessToken?.()}`,
  ],
];

/** A JWT as Supabase signs it. */
function jwt(claims: Record<string, unknown>): string {
  const iat = Math.floor(Date.now() / 1000);
  const input = [{ alg: "HS256", typ: "JWT" }, { ...claims, iat, exp: iat + 3600 }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${input}.${
    createHmac("sha256", world.stack.jwtSecret).update(input).digest("base64url")
  }`;
}

/** supabase-js in an app of the project whose function is the gateway, and the headers it sends. */
function supabase({ apikey, accessToken }: App, send = fetch) {
  const sent: Headers[] = [];
  const client = createClient(new URL(world.gateway.url).origin, apikey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: async (input, init) => {
        sent.push(new Headers(init?.headers));
        return await send(input, init);
      },
    },
    ...(accessToken === undefined ? {} : { accessToken }),
  });
  return { functions: client.functions, sent };
}

for (const [how, appOf, bearerOf] of APPS) {
  Deno.test(`functions.invoke takes x-did headers from an app ${how}`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();
    const app = appOf();
    const { functions, sent } = supabase(app);

    const body = chat("one two three");
    const { data, error } = await functions.invoke(`openrouter-proxy${CHAT}`, {
      body,
      headers: {
        "content-type": "application/json",
        ...await signed(identity, "POST", CHAT, body),
      },
    });

    assert.equal(error, null);
    assert.equal(data.choices[0].message.content, "one two three");
    assert.equal(sent[0]?.get("apikey"), app.apikey);
    assert.equal(sent[0]?.get("authorization"), await bearerOf(app));
    const [row] = await db.endedRows(identity.did, 1);
    assert.equal(row?.status, "completed");
    const [seen] = openrouter.requestsWith(await db.keyHash(identity.did));
    assert.deepEqual(
      Object.keys(seen?.headers ?? {}).filter((name) => /^(apikey|x-client-info|x-did)/.test(name)),
      [],
    );
  });

  Deno.test(`functions.invoke is refused without a DID from an app ${how}`, async () => {
    const app = appOf();
    const { functions } = supabase(app);
    const { error, response } = await functions.invoke(`openrouter-proxy${CHAT}`, {
      body: JSON.parse(chat("hello")),
    });
    assert.equal(error?.name, "FunctionsHttpError");
    const type = await bearerOf(app) === null ? "missing_credentials" : "invalid_token";
    await assertRefused(response!, 401, type);
  });
}

Deno.test("functions.invoke with a signing fetch streams, and reads the caller's usage", async () => {
  const { db, gateway, stack } = world;
  const identity = await newIdentity();
  const { functions } = supabase(
    { apikey: stack.publishableKey },
    signedFetch(identity, { gatewayUrl: gateway.url, audience: AUDIENCE }),
  );

  const { data: stream } = await functions.invoke(`openrouter-proxy${CHAT}`, {
    body: { ...JSON.parse(chat("one two three")), stream: true },
  });
  assert.match(await stream.text(), /data: \[DONE\]\n\n$/);
  await db.endedRows(identity.did, 1);

  const { data: usage, error } = await functions.invoke("openrouter-proxy/api/v1/usage", {
    method: "GET",
  });
  assert.equal(error, null);
  assert.equal(usage.data.did, identity.did);
  assert.equal(usage.data.successful_requests, 1);
});
