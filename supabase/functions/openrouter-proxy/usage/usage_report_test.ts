import assert from "node:assert/strict";
import type { UsageQuery, UsageStats } from "../store/usage.ts";
import { usageReport } from "./usage_report.ts";

const DID = "did:key:z6Mk";
const STATS: UsageStats = {
  total_requests: 3,
  successful_requests: 2,
  failed_requests: 1,
  requests_without_cost: 1,
  total_input_tokens: 120,
  total_output_tokens: 850,
  total_cached_tokens: 0,
  total_reasoning_tokens: 0,
  // BerriAI/litellm #8867: 0.1 + 0.2 in binary floats.
  total_cost: "0.30000000000000000001",
  requests_by_model: { "openai/gpt-4o-mini": 3 },
  groups: [{ day: "2026-11-22", requests: 3, cost: "0.662" }],
};

/** The report for a query string, and what the store was asked. */
async function report(search: string, more: Partial<UsageStats> = {}) {
  const queries: UsageQuery[] = [];
  const text = await usageReport(DID, new URLSearchParams(search), {
    usageStats(query) {
      queries.push(query);
      return Promise.resolve({ ...STATS, ...more });
    },
  });
  return { text, query: queries[0]! };
}

Deno.test("usageReport has the shape of protocol.md, its costs as numbers with all their digits", async () => {
  const { text } = await report("start_date=2026-11-22&end_date=2026-11-22&group_by=day");
  assert.equal(
    text,
    '{"did":"did:key:z6Mk","start_date":"2026-11-22","end_date":"2026-11-22",' +
      '"total_requests":3,"successful_requests":2,"failed_requests":1,' +
      '"requests_without_cost":1,"total_input_tokens":120,"total_output_tokens":850,"total_cached_tokens":0,' +
      '"total_reasoning_tokens":0,"total_cost":0.30000000000000000001,' +
      '"requests_by_model":{"openai/gpt-4o-mini":3},' +
      '"groups":[{"day":"2026-11-22","requests":3,"cost":0.662}]}',
  );
});

Deno.test("usageReport tells a group's costs with all their digits", async () => {
  const cost = "12345678901234567890.000000000000000001";
  const groups = [{ day: "2026-11-22", requests: 3, cost }];
  assert.ok((await report("group_by=day", { groups })).text.includes(`"cost":${cost}}`));
});

Deno.test("usageReport tells the range as it was asked for", async () => {
  const { text } = await report("start_date=2026-11-20&end_date=2026-11-22T10:00:00Z");
  const { start_date, end_date } = JSON.parse(text);
  assert.deepEqual([start_date, end_date], ["2026-11-20", "2026-11-22T10:00:00Z"]);
});

Deno.test("usageReport tells an offset whose + a query string turned into a space as it was meant", async () => {
  const { text } = await report(
    "start_date=2026-11-20T10:00:00.5+02:00&end_date=2026-11-22T10:00:00%2B02:00",
  );
  const { start_date, end_date } = JSON.parse(text);
  assert.deepEqual(
    [start_date, end_date],
    ["2026-11-20T10:00:00.5+02:00", "2026-11-22T10:00:00+02:00"],
  );
});

Deno.test("usageReport admits to what it leaves out", async () => {
  const admitted = { truncated: true as const, partial_before: "2026-11-01T00:00:00Z" };
  const { truncated, partial_before } = JSON.parse((await report("", admitted)).text);
  assert.deepEqual({ truncated, partial_before }, admitted);
});

Deno.test("usageReport without a query is of all time, ungrouped", async () => {
  const { text, query } = await report("");
  assert.deepEqual(query, {
    did: DID,
    start: null,
    end: null,
    groupBy: [],
    session: null,
    label: null,
  });
  const { start_date, end_date } = JSON.parse(text);
  assert.deepEqual([start_date, end_date], [null, null]);
});

for (
  const [search, param, message] of [
    [
      "start_date=2026-11-23&end_date=2026-11-21",
      "start_date",
      "start_date must be before end_date",
    ],
    [
      "start_date=soon",
      "start_date",
      "start_date must be a date like 2026-11-22 or an instant like 2026-11-22T10:30:00Z",
    ],
    [
      "end_date=2026-02-30",
      "end_date",
      "end_date must be a date like 2026-11-22 or an instant like 2026-11-22T10:30:00Z",
    ],
    [
      "group_by=day,week",
      "group_by",
      'group_by takes day, hour, model, endpoint, session, label, separated by commas; not "week"',
    ],
    ["session=", "session", "session is empty; leave it out for all requests"],
  ] as const
) {
  Deno.test(`usageReport names the parameter that is wrong in ${search}`, async () => {
    await assert.rejects(report(search), { type: "invalid_request", message, details: { param } });
  });
}

const RANGES: [search: string, start: string | null, end: string | null][] = [
  // Beyond what RFC 3339 writes in UTC.
  ["end_date=9999-12-31T23:59:59.123456-01:00", null, "9999-12-31T23:59:59.999000Z"],
  ["start_date=0001-01-01T00:00:00.123456%2B01:00", "0001-01-01T00:00:00.000000Z", null],
  ["start_date=2026-11-22", "2026-11-22T00:00:00.000000Z", null],
  ["end_date=2026-11-22", null, "2026-11-23T00:00:00.000000Z"],
  ["end_date=2026-12-31", null, "2027-01-01T00:00:00.000000Z"],
  ["end_date=2028-02-28", null, "2028-02-29T00:00:00.000000Z"],
  ["end_date=2028-02-29", null, "2028-03-01T00:00:00.000000Z"],
  ["end_date=2027-02-28", null, "2027-03-01T00:00:00.000000Z"],
  ["end_date=9999-12-31", null, "9999-12-31T23:59:59.999000Z"],
  ["start_date=0001-01-01", "0001-01-01T00:00:00.000000Z", null],
  ["start_date=0001-01-01T00:00:00%2B01:00", "0001-01-01T00:00:00.000000Z", null],
  ["start_date=2026-11-22T10:30:00Z", "2026-11-22T10:30:00.000000Z", null],
  ["start_date=2026-11-22t10:30:00z", "2026-11-22T10:30:00.000000Z", null],
  ["start_date=2026-11-22T10:30:00.25Z", "2026-11-22T10:30:00.250000Z", null],
  ["start_date=2026-11-22T10:30:00.123457Z", "2026-11-22T10:30:00.123457Z", null],
  // Postgres rounds to the nearest microsecond: a row at .123456 is before this, and not within.
  ["start_date=2026-11-22T10:30:00.123456001Z", "2026-11-22T10:30:00.123457Z", null],
  ["start_date=2026-11-22T10:30:00.1234561Z", "2026-11-22T10:30:00.123457Z", null],
  ["start_date=2026-11-22T10:30:00.12345600000000Z", "2026-11-22T10:30:00.123456Z", null],
  ["start_date=2026-11-22T10:30:00.1234560000001Z", "2026-11-22T10:30:00.123457Z", null],
  [
    "end_date=2026-11-22T10:30:00.0000000000000000000000001%2B00:00",
    null,
    "2026-11-22T10:30:00.000001Z",
  ],
  ["end_date=2026-11-22T10:30:59.99999999999999999999Z", null, "2026-11-22T10:31:00.000000Z"],
  ["end_date=2026-11-22T10:30:00.000000001Z", null, "2026-11-22T10:30:00.000001Z"],
  ["end_date=2026-11-22T10:30:59.999999999Z", null, "2026-11-22T10:31:00.000000Z"],
  ["start_date=2026-11-22T10:30:00%2B02:00", "2026-11-22T08:30:00.000000Z", null],
  ["start_date=2026-11-22T10:30:00+02:00", "2026-11-22T08:30:00.000000Z", null],
  ["start_date=2026-11-22T10:30:00-23:59", "2026-11-23T10:29:00.000000Z", null],
  ["start_date=2026-11-22T10:30:00-02:30", "2026-11-22T13:00:00.000000Z", null],
  ["end_date=2026-11-22T10:30:00Z", null, "2026-11-22T10:30:00.000000Z"],
  [
    "start_date=2026-11-22&end_date=2026-11-22",
    "2026-11-22T00:00:00.000000Z",
    "2026-11-23T00:00:00.000000Z",
  ],
];

for (const [search, start, end] of RANGES) {
  Deno.test(`usageReport takes ${search} for [${start}, ${end})`, async () => {
    const { query } = await report(search);
    assert.deepEqual([query.start, query.end], [start, end]);
  });
}

for (
  const bad of [
    "",
    "today",
    "2026",
    "2026-11",
    "2026-13-01",
    "2026-00-10",
    "2026-11-00",
    "2026-11-31",
    "2026-02-29",
    "2027-02-29",
    "1900-02-29",
    "0000-01-01",
    "26-11-22",
    "02026-11-22",
    "2026-1-2",
    "-002026-11-22",
    "2026-11-22 ",
    "2026-11-22T10:30Z",
    "2026-11-22T10:30:00",
    "2026-11-22T24:00:00Z",
    "2026-11-22T10:60:00Z",
    "2026-11-22T10:30:60Z",
    "2026-02-30T10:30:00Z",
    "2026-11-22T10:30:00%2B24:00",
    "2026-11-22T10:30:00%2B0200",
    "2026-11-22'; drop table request_logs; --",
    "1795370400",
    "infinity",
    "2026-11-22%00",
  ]
) {
  for (const name of ["start_date", "end_date"]) {
    Deno.test(`usageReport refuses ${name}=${bad}`, async () => {
      await assert.rejects(report(`${name}=${bad}`), (error: Error & { type?: string }) => {
        assert.equal(error.type, "invalid_request");
        assert.ok(error.message.startsWith(`${name} must be a date`));
        return true;
      });
    });
  }
}

for (
  const search of [
    "start_date=2026-11-23&end_date=2026-11-22",
    "start_date=2026-11-22T10:30:00Z&end_date=2026-11-22T10:30:00Z",
  ]
) {
  Deno.test(`usageReport refuses the empty range ${search}`, async () => {
    await assert.rejects(report(search), { type: "invalid_request" });
  });
}

for (
  const [search, groupBy] of [
    ["group_by=", []],
    ["group_by=day", ["day"]],
    [
      "group_by=day,hour,model,endpoint,session,label",
      ["day", "hour", "model", "endpoint", "session", "label"],
    ],
    ["group_by=model,day,", ["model", "day"]],
  ] as const
) {
  Deno.test(`usageReport groups ${search} by ${groupBy.length} columns`, async () => {
    assert.deepEqual((await report(search)).query.groupBy, groupBy);
  });
}

Deno.test("usageReport names the first of the names that group_by does not take", async () => {
  await assert.rejects(report("group_by=day,week,year"), { message: /; not "week"$/ });
});

for (const bad of ["did", "Day", "day;drop", "day, model", "request_time"]) {
  Deno.test(`usageReport refuses to group by ${bad}`, async () => {
    await assert.rejects(report(`group_by=${bad}`), { type: "invalid_request" });
  });
}
