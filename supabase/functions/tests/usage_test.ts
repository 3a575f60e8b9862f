import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const DAY_MS = 86_400_000;

/** Makes a call at that price, or one that breaks unpriced, and waits until it is booked. */
async function book(identity: Identity, costUsd: string | null, model = "openai/gpt-4o-mini") {
  const { db, gateway } = world;
  const response = await call(gateway, identity, "POST", CHAT, chat("one two", { model }), {
    headers: { "x-openrouter-simulate": costUsd === null ? "drop" : `cost:${costUsd}` },
  });
  await response.body?.cancel();
  return await db.endedRow(response);
}

async function usage(identity: Identity, query = ""): Promise<{ text: string; data: Usage }> {
  const response = await call(world.gateway, identity, "GET", `/api/v1/usage${query}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.equal(response.headers.get("content-type"), "application/json");
  const { success, data } = JSON.parse(text);
  assert.equal(success, true);
  return { text, data };
}

interface Usage {
  total_requests: number;
  requests_by_model: Record<string, number>;
  groups: Record<string, unknown>[];
  [member: string]: unknown;
}

Deno.test("the usage of a DID that has sent nothing is zero", async () => {
  const identity = await newIdentity();
  const { data } = await usage(identity);
  assert.deepEqual(data, {
    did: identity.did,
    start_date: null,
    end_date: null,
    total_requests: 0,
    successful_requests: 0,
    failed_requests: 0,
    requests_without_cost: 0,
    total_input_tokens: 0,
    total_output_tokens: 0,
    total_cached_tokens: 0,
    total_reasoning_tokens: 0,
    total_cost: 0,
    requests_by_model: {},
    groups: [],
  });
  assert.equal(await world.db.keyHash(identity.did), null, "reading statistics needs no key");
});

Deno.test("usage counts the caller's requests and no one else's, with every digit of the cost", async () => {
  const [identity, other] = [await newIdentity(), await newIdentity()];
  // As binary floats these sums would be 0.30000000000000004 and 0.3000000001000000…
  const rows = [
    await book(identity, "0.1"),
    await book(identity, "0.2"),
    await book(identity, "0.0000000001", "openai/gpt-4o"),
    await book(identity, null),
  ];
  await book(other, "5");

  const { text, data } = await usage(identity);

  assert.match(text, /"total_cost":0\.3000000001[,}]/);
  assert.equal(data.total_requests, 4);
  assert.equal(data.successful_requests, 3);
  assert.equal(data.failed_requests, 1);
  const sum = (tokens: (number | null)[]) => tokens.reduce((a, b) => Number(a) + Number(b), 0);
  assert.equal(data.total_input_tokens, sum(rows.map((row) => row.input_tokens)));
  assert.equal(data.total_output_tokens, 6);
  assert.deepEqual(data.requests_by_model, { "openai/gpt-4o-mini": 3, "openai/gpt-4o": 1 });
});

Deno.test("usage is grouped by any of day, hour, model and endpoint", async () => {
  const identity = await newIdentity();
  const rows = [
    await book(identity, "0.1"),
    await book(identity, "0.2"),
    await book(identity, "0.4", "openai/gpt-4o"),
    await book(identity, null, "openai/gpt-4o"),
  ];
  const days = new Set(rows.map((row) => row.request_time.toISOString().slice(0, 10)));
  const hours = new Set(rows.map((row) => `${row.request_time.toISOString().slice(0, 13)}:00:00Z`));

  const byModel = await usage(identity, "?group_by=model");
  assert.match(byModel.text, /"cost":0\.3[,}]/);
  assert.deepEqual(byModel.data.groups, [
    {
      model: "openai/gpt-4o",
      requests: 2,
      failed_requests: 1,
      requests_without_cost: 1,
      input_tokens: 2,
      output_tokens: 2,
      cost: 0.4,
    },
    {
      model: "openai/gpt-4o-mini",
      requests: 2,
      failed_requests: 0,
      requests_without_cost: 0,
      input_tokens: 4,
      output_tokens: 4,
      cost: 0.3,
    },
  ]);

  const all = await usage(identity, "?group_by=day,hour,model,endpoint");
  const groups = all.data.groups;
  assert.deepEqual(new Set(groups.map(({ day }) => day)), days);
  assert.deepEqual(new Set(groups.map(({ hour }) => hour)), hours);
  assert.deepEqual(new Set(groups.map(({ endpoint }) => endpoint)), new Set(["/chat/completions"]));
  assert.equal(groups.reduce((count, { requests }) => count + Number(requests), 0), 4);
});

/** The SQL of an instant in RFC 3339, with all that Postgres keeps of it. */
function microseconds(instant: string): string {
  return `to_char((${instant}) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

Deno.test("usage is limited to dates, of which the last counts whole, and to instants", async () => {
  const identity = await newIdentity();
  const row = await book(identity, "0.1");
  const time = row.request_time.getTime();
  const day = (offset: number) => new Date(time + offset * DAY_MS).toISOString().slice(0, 10);
  const instant = (offsetMs: number) => new Date(time + offsetMs).toISOString();
  const [exact] = await world.db.sql<{ at: string; later: string }[]>`
    select ${world.db.sql.unsafe(microseconds("request_time"))} as at,
      ${world.db.sql.unsafe(microseconds("request_time + interval '1 microsecond'"))} as later
    from public.request_logs where id = ${row.id}`;
  const eastern = new Date(time + 5.5 * 3_600_000 - 1000).toISOString().replace("Z", "%2B05:30");

  for (
    const [query, expected] of [
      [`start_date=${day(0)}`, 1],
      [`end_date=${day(0)}`, 1],
      [`start_date=${day(0)}&end_date=${day(0)}`, 1],
      [`start_date=${day(1)}`, 0],
      [`end_date=${day(-1)}`, 0],
      [`start_date=${day(-1)}&end_date=${day(1)}`, 1],
      [`start_date=${instant(-1000)}&end_date=${instant(1000)}`, 1],
      [`start_date=${instant(1000)}`, 0],
      [`end_date=${instant(-1000)}`, 0],
      [`start_date=${eastern}&end_date=${instant(1000)}`, 1],
      [`start_date=${exact!.at}&end_date=${exact!.later}`, 1],
      [`start_date=${exact!.later}`, 0],
      [`end_date=${exact!.at}`, 0],
    ] as const
  ) {
    const { data } = await usage(identity, `?${query}`);
    assert.equal(data.total_requests, expected, query);
  }
});

for (
  const query of [
    "start_date=yesterday",
    "start_date=2026-13-01",
    "start_date=2026-02-30",
    "end_date=2026-11-22T10:30:00",
    "end_date=1795370400",
    "start_date=2026-11-22&end_date=2026-11-20",
    "start_date=2026-11-22&start_date=2026-11-23",
    "start_date=2026-11-22%27%20or%201=1",
    "group_by=did",
    "group_by=day,week",
    "group_by=total_cost);drop%20table",
  ]
) {
  Deno.test(`usage?${query} is a bad request`, async () => {
    const identity = await newIdentity();
    const response = await call(world.gateway, identity, "GET", `/api/v1/usage?${query}`);
    await assertRefused(response, 400, "invalid_request");
  });
}

/** Pages of the request log until there are no more. */
async function pages(identity: Identity, query: string): Promise<Record<string, unknown>[][]> {
  const found = [];
  let cursor: string | null = null;
  do {
    const path: string = `/api/v1/usage/requests?${query}${cursor ? `&cursor=${cursor}` : ""}`;
    const response: Response = await call(world.gateway, identity, "GET", path);
    const { data } = await response.json();
    assert.equal(response.status, 200, JSON.stringify(data));
    found.push(data.requests);
    cursor = data.next_cursor;
  } while (cursor !== null);
  return found;
}

Deno.test("the request log has each call once, page by page, whatever comes between two pages", async () => {
  const [identity, other] = [await newIdentity(), await newIdentity()];
  await book(other, "1");
  const rows = [];
  for (const cost of ["0.1", "0.000007765", null, "0.4", "0.5"]) {
    rows.unshift(await book(identity, cost));
  }
  const [first] = await pages(identity, "limit=200");
  assert.deepEqual(first!.map(({ id }) => id), rows.map(({ id }) => id));
  assert.deepEqual(first!.map(({ cost }) => cost), [0.5, 0.4, null, 0.000007765, 0.1]);
  assert.deepEqual((await pages(identity, "limit=2")).map((page) => page.length), [2, 2, 1]);

  const response = await call(world.gateway, identity, "GET", "/api/v1/usage/requests?limit=2");
  const { data } = await response.json();
  await book(identity, "0.6");
  const next = `/api/v1/usage/requests?limit=200&cursor=${data.next_cursor}`;
  const rest = await (await call(world.gateway, identity, "GET", next)).json();
  assert.deepEqual(
    [...data.requests, ...rest.data.requests].map(({ id }) => id),
    rows.map(({ id }) => id),
  );
});

Deno.test("one request is told to who made it, and to nobody else", async () => {
  const [identity, other] = [await newIdentity(), await newIdentity()];
  const { id } = await book(identity, "0.25");
  const path = `/api/v1/usage/requests/${id}`;
  const own = await call(world.gateway, identity, "GET", path);
  const { data } = await own.json();
  assert.deepEqual([data.id, data.status, data.cost, data.http_status], [
    id,
    "completed",
    0.25,
    200,
  ]);
  await assertRefused(await call(world.gateway, other, "GET", path), 404, "not_found");
  const unknown = `/api/v1/usage/requests/${crypto.randomUUID()}`;
  await assertRefused(await call(world.gateway, identity, "GET", unknown), 404, "not_found");
});

Deno.test("what a session or a label cost is told, and who sends none has none", async () => {
  const identity = await newIdentity();
  const utf8 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  const calls: [headers: Record<string, string>, members: Record<string, unknown>][] = [
    [{ "x-session-id": "header", "x-label": utf8("Zoë") }, { session_id: "body" }],
    [{ "x-session-id": "header", "x-claude-code-session-id": "claude" }, {}],
    [{ "x-claude-code-session-id": "claude", "x-label": utf8("Zoë") }, {}],
    [{}, {}],
  ];
  for (const [headers, members] of calls) {
    const response = await call(world.gateway, identity, "POST", CHAT, chat("one", members), {
      headers: { "x-openrouter-simulate": "cost:0.1", ...headers },
    });
    await response.body?.cancel();
    await world.db.endedRow(response);
  }

  const bySession = await usage(identity, "?group_by=session");
  assert.deepEqual(
    bySession.data.groups.map(({ session, requests, cost }) => [session, requests, cost]),
    [[null, 1, 0.1], ["body", 1, 0.1], ["claude", 1, 0.1], ["header", 1, 0.1]],
  );
  const ofLabel = await usage(identity, `?label=${encodeURIComponent("Zoë")}&group_by=label,hour`);
  assert.equal(ofLabel.data.total_requests, 2);
  assert.equal(ofLabel.data.total_cost, 0.2);
  assert.ok(typeof ofLabel.data.partial_before === "string", "all time by hour is not all");
  const [page] = await pages(identity, "session=claude");
  assert.deepEqual(page!.map(({ session, label }) => [session, label]), [["claude", "Zoë"]]);
});

Deno.test("a label that is too long is refused by name, and OpenRouter is not asked", async () => {
  const identity = await newIdentity();
  const response = await call(world.gateway, identity, "POST", CHAT, chat("one"), {
    headers: { "x-label": "a".repeat(129) },
  });
  const { param } = await assertRefused(response, 400, "invalid_request") as { param?: string };
  assert.equal(param, "x-label");
});
