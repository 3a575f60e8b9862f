import fc from "fast-check";
import assert from "node:assert/strict";
import { type Bytes, isObject } from "../bytes/encodings.ts";
import { withAdditions } from "./additions.ts";
import { readCallBody } from "./call_body.ts";
import type { CallEndpoint, PseudonymMember } from "./calls.ts";

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

const ENDPOINT: CallEndpoint = {
  kind: "call",
  body: "json",
  addsUsage: true,
  pseudonym: null,
  beginsJob: false,
  charges: "tokens",
  boundedBy: [],
  data: [],
  bareNamesOf: null,
  bookedAs: null,
};
const ANY = { ...ENDPOINT, body: "any" } as const;
const PSEUDONYM = "0123456789abcdef";

function readJson(body: Bytes) {
  return readCallBody(body, ENDPOINT)!;
}

/** The body as it is sent to an endpoint. */
function added(body: string, endpoint: Partial<CallEndpoint>): string {
  const bytes = utf8(body);
  return text(withAdditions(bytes, readJson(bytes), { ...ENDPOINT, ...endpoint }, PSEUDONYM));
}

const included = (body: string) => added(body, {});
const named = (body: string, pseudonym: PseudonymMember) =>
  added(body, { addsUsage: false, pseudonym });

Deno.test("readCallBody reads the model and whether the answer streams", () => {
  const read = (body: string) => {
    const { model, streaming } = readJson(utf8(body));
    return { model, streaming };
  };
  assert.deepEqual(read('{"model":"a/b","stream":true}'), { model: "a/b", streaming: true });
  assert.deepEqual(read('{"model":"a/b","stream":false}'), { model: "a/b", streaming: false });
  assert.deepEqual(read('{"model":7,"stream":"true"}'), { model: null, streaming: false });
  assert.deepEqual(read('{"stream":1}'), { model: null, streaming: false });
  assert.deepEqual(read('{"model":"a","model":"b"}'), { model: "b", streaming: false });
  assert.deepEqual(read('{"stream":true,"stream":[true]}'), { model: null, streaming: false });
  assert.deepEqual(read("{}"), { model: null, streaming: false });
});

// A decoder that swallows byte order marks would book, and check, the second model.
Deno.test("readCallBody takes no name for another one that has a byte order mark before it", () => {
  const { model, streaming } = readJson(
    utf8('{"model":"a","\ufeffmodel":"b","stream":true,"\ufeffstream":false}'),
  );
  assert.deepEqual({ model, streaming }, { model: "a", streaming: true });
  assert.equal(included('{"\ufeffusage":1}'), `{${U},"\ufeffusage":1}`);
  assert.equal(named('{"\ufeffuser":1}', "user"), `{"user":${P},"\ufeffuser":1}`);
});

Deno.test("readCallBody reads JSON where other bodies are taken too, however much white space comes first", () => {
  for (const before of ["", " ", "\ufeff", `\ufeff${" \r\n\t".repeat(10_000)}`]) {
    const body = readCallBody(utf8(`${before}{"preset":"a"}`), ANY);
    assert.equal(body?.sharedFeatures.length, 1);
  }
  for (const form of ["", "--boundary\r\n{", "model=x", "\u00a0{}"]) {
    assert.equal(readCallBody(utf8(form), ANY), null);
  }
});

// otari PR #87: a body's `user` named whose budget was charged.
Deno.test("readCallBody tells nothing of who a body says that calls", () => {
  const call = readJson(utf8('{"model":"m","user":"did:key:other","did":"did:key:other"}'));
  assert.ok(!JSON.stringify(call).includes("did:key:other"));
});

const NO_OBJECTS: [what: string, body: Bytes][] = [
  ["nothing", utf8("")],
  ["white space", utf8(" \n")],
  ["a list", utf8("[]")],
  ["a text", utf8('"x"')],
  ["a number", utf8("1")],
  ["null", utf8("null")],
  ["half an object", utf8('{"model":')],
  ["two objects", utf8("{}{}")],
  ["a comment", utf8("{/* */}")],
  ["a trailing comma", utf8('{"a":1,}')],
  ["single quotes", utf8("{'a':1}")],
  ["invalid UTF-8 in a string", Uint8Array.from([...utf8('{"a":"'), 0xff, ...utf8('"}')])],
  ["a lone continuation byte", Uint8Array.from([...utf8("{}"), 0x80])],
  ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
  ["gzip", Uint8Array.from([0x1f, 0x8b, 8, 0])],
];

for (const [what, body] of NO_OBJECTS) {
  Deno.test(`readCallBody refuses ${what}`, () => {
    assert.throws(() => readJson(body), { type: "invalid_request" });
  });
}

Deno.test("readCallBody says that a body must be an object", () => {
  for (const body of ["[]", "1", '"x"']) {
    assert.throws(() => readJson(utf8(body)), {
      message: "the request body must be a JSON object",
    });
  }
});

for (
  const [json, presence] of [
    ["null", "empty"],
    ['""', "empty"],
    ['"x"', "present"],
    ["0", "present"],
    ["{}", "present"],
    ["[]", "present"],
    [`"${"x".repeat(5_000)}"`, "present"],
  ] as const
) {
  Deno.test(`readCallBody takes a user of ${json.slice(0, 9)} for ${presence}, and so in metadata`, () => {
    const { members } = readJson(
      utf8(`{"user":${json},"safety_identifier":${json},"metadata":{"user_id":${json}}}`),
    );
    assert.deepEqual(
      [members.user, members.safety_identifier, members.metadataUserId, members.metadata],
      [presence, presence, presence, "present"],
    );
    assert.equal(readJson(utf8(`{"metadata":${json}}`)).members.metadata, presence);
  });
}

Deno.test("readCallBody does not quote the body in its refusal", () => {
  assert.throws(() => readJson(utf8('{"secret":sk-or-v1-abc}')), (error: Error) => {
    assert.ok(!error.message.includes("sk-or"));
    return true;
  });
});

const U = '"usage":{"include":true}';
const INSERTED: [what: string, body: string, expected: string][] = [
  ["an empty object", "{}", `{${U}}`],
  ["an empty object with white space", " { \n} ", ` {${U} \n} `],
  ["one member", '{"a":1}', `{${U},"a":1}`],
  ["white space everywhere", '\r\n\t { "a" : 1 } \n', `\r\n\t {${U}, "a" : 1 } \n`],
  ["a byte order mark", '\ufeff{"a":1}', `\ufeff{${U},"a":1}`],
  ["integers beyond 2^53", '{"a":123456789012345678901}', `{${U},"a":123456789012345678901}`],
  ["numbers in other notations", '{"a":1.0,"b":1E2}', `{${U},"a":1.0,"b":1E2}`],
  ["keys that repeat", '{"a":1,"a":2}', `{${U},"a":1,"a":2}`],
  ["escapes", '{"\\u0061":"\\/\\ud83d\\ude00"}', `{${U},"\\u0061":"\\/\\ud83d\\ude00"}`],
  ["lone surrogates, escaped", '{"a":"\\ud800"}', `{${U},"a":"\\ud800"}`],
  ["usage deeper down", '{"a":{"usage":1}}', `{${U},"a":{"usage":1}}`],
  ["usage in a text", '{"a":"\\"usage\\":1"}', `{${U},"a":"\\"usage\\":1"}`],
  ["Usage with a capital", '{"Usage":1}', `{${U},"Usage":1}`],
  ["__proto__", '{"__proto__":{"usage":1}}', `{${U},"__proto__":{"usage":1}}`],
];

for (const [what, body, expected] of INSERTED) {
  Deno.test(`withAdditions inserts usage into a body with ${what}`, () => {
    assert.equal(included(body), expected);
  });
}

for (
  const own of [
    '{"usage":{"include":false}}',
    '{"a":1,"usage":null}',
    '{"\\u0075sage":1,"a":2}',
    '{"usage":1,"usage":2}',
  ]
) {
  Deno.test(`withAdditions leaves ${own} as it is`, () => {
    const bytes = utf8(own);
    assert.equal(withAdditions(bytes, readJson(bytes), ENDPOINT, PSEUDONYM), bytes);
  });
}

const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });

/** A JSON text with white space before, behind and, by indentation, inside. */
const jsonObject = fc.tuple(
  space,
  fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constant("usage")), fc.jsonValue()),
  fc.integer({ min: 0, max: 3 }),
  space,
).map(([before, value, indent, after]) => before + JSON.stringify(value, null, indent) + after);

Deno.test("withAdditions keeps every other byte of any JSON object", () => {
  fc.assert(
    fc.property(jsonObject, (body) => {
      const before = JSON.parse(body);
      const result = included(body);
      if (Object.hasOwn(before, "usage")) return assert.equal(result, body);
      const at = result.indexOf(U);
      const end = at + U.length + (Object.keys(before).length > 0 ? 1 : 0);
      assert.equal(result.slice(0, at) + result.slice(end), body);
      const { usage, ...rest } = JSON.parse(result);
      assert.deepEqual(usage, { include: true });
      assert.deepEqual(Object.entries(rest), Object.entries(before));
    }),
    { numRuns: 1_000 },
  );
});

const P = `"${PSEUDONYM}"`;
const NAMED: [member: PseudonymMember, body: string, expected: string][] = [
  ["user", "{}", `{"user":${P}}`],
  ["user", '{"a":1}', `{"user":${P},"a":1}`],
  ["user", '{"user":"mine"}', '{"user":"mine"}'],
  ["user", '{"\\u0075ser":"mine"}', '{"\\u0075ser":"mine"}'],
  ["user", '{"user":null,"a":1}', `{"user":null,"a":1,"user":${P}}`],
  ["user", '{"user":""}', `{"user":"","user":${P}}`],
  ["user", '{"user":"mine","user":null }', `{"user":"mine","user":null ,"user":${P}}`],
  ["user", '{"user":null,"user":"mine"}', '{"user":null,"user":"mine"}'],
  ["user", '{"user":{"id":1}}', '{"user":{"id":1}}'],
  ["user", '{"a":{"user":"x"}}', `{"user":${P},"a":{"user":"x"}}`],
  ["safety_identifier", '{"user":"x"}', `{"safety_identifier":${P},"user":"x"}`],
  ["safety_identifier", '{"safety_identifier":"x"}', '{"safety_identifier":"x"}'],
  ["metadata.user_id", '{"a":1}', `{"metadata":{"user_id":${P}},"a":1}`],
  ["metadata.user_id", '{"metadata":{}}', `{"metadata":{"user_id":${P}}}`],
  ["metadata.user_id", '{"metadata": { } }', `{"metadata": {"user_id":${P} } }`],
  ["metadata.user_id", '{"metadata":{"a":1}}', `{"metadata":{"user_id":${P},"a":1}}`],
  ["metadata.user_id", '{"metadata":{"user_id":"x"}}', '{"metadata":{"user_id":"x"}}'],
  [
    "metadata.user_id",
    '{"metadata":{"user_id":null}}',
    `{"metadata":{"user_id":null,"user_id":${P}}}`,
  ],
  [
    "metadata.user_id",
    '{"metadata":null,"a":[]}',
    `{"metadata":null,"a":[],"metadata":{"user_id":${P}}}`,
  ],
  [
    "metadata.user_id",
    '{"metadata":{"user_id":"x"},"metadata":{"a":1}}',
    `{"metadata":{"user_id":"x"},"metadata":{"user_id":${P},"a":1}}`,
  ],
  [
    "metadata.user_id",
    '{"metadata":{"a":1},"metadata":null}',
    `{"metadata":{"a":1},"metadata":null,"metadata":{"user_id":${P}}}`,
  ],
  [
    "metadata.user_id",
    '{"metadata":{"a":1},"metadata":[1]}',
    '{"metadata":{"a":1},"metadata":[1]}',
  ],
  ["metadata.user_id", '{"metadata":[1]}', '{"metadata":[1]}'],
];

for (const [member, body, expected] of NAMED) {
  Deno.test(`${member} of ${body} becomes ${expected}`, () => {
    assert.equal(named(body, member), expected);
  });
}

Deno.test("an empty body takes usage and the pseudonym beside each other", () => {
  assert.equal(added(" { } ", { pseudonym: "user" }), ` {${U},"user":${P} } `);
});

const key = fc.oneof(
  fc.constantFrom("usage", "user", "safety_identifier", "metadata", "model", "\\u0075ser"),
  fc.string({ unit: "binary" }).map((name) => JSON.stringify(name).slice(1, -1)),
);
const value = fc.oneof(
  fc.constantFrom(
    "null",
    '""',
    '"x"',
    "{}",
    '{"user_id":null}',
    '{ "user_id" : "x" }',
    '{"user_id":"","a":1}',
    '{"user_id":null,"\\u0075ser_id":"x"}',
    '{"user_id":"x","user_id":null }',
    '{"user_id":{"user_id":1}}',
    '[{"user_id":"x"}]',
    "-0",
    "1E400",
  ),
  fc.constantFrom("123456789012345678901234567890", "[ ]", '"\\ud800"'),
  fc.jsonValue().map((any) => JSON.stringify(any)),
);
/** JSON objects as they are written: with repeated and escaped names, and white space anywhere. */
const written = fc.tuple(
  fc.tuple(fc.constantFrom("", "", "\ufeff"), space).map((parts) => parts.join("")),
  fc.array(fc.tuple(space, key, space, space, value, space), { maxLength: 8 }),
  space,
).map(([before, members, after]) =>
  before + "{" +
  members.map(([a, name, b, c, json, d]) => `${a}"${name}"${b}:${c}${json}${d}`).join(",") + "}" +
  after
);
const MEMBERS: PseudonymMember[] = ["user", "safety_identifier", "metadata.user_id"];

Deno.test("what arrives, less the insertions, is what was sent, byte for byte", () => {
  fc.assert(
    fc.property(written, fc.constantFrom(...MEMBERS), (body, pseudonym) => {
      const result = added(body, { pseudonym });
      const [member = "", inner] = pseudonym.split(".");
      const spellings = [
        U,
        `"${member}":${P}`,
        ...inner === undefined ? [] : [`"${member}":{"${inner}":${P}}`, `"${inner}":${P}`],
      ];
      assert.ok(isLess(result, body, spellings), `${body} became ${result}`);
      const before = JSON.parse(body.replace(/^\ufeff/, ""));
      const after = JSON.parse(result.replace(/^\ufeff/, ""));
      if (!Object.hasOwn(before, "usage")) assert.deepEqual(after.usage, { include: true });
      const named: unknown = before[member];
      const whole = inner === undefined ? PSEUDONYM : { [inner]: PSEUDONYM };
      if (saysNothing(named)) assert.deepEqual(after[member], whole);
      else if (inner === undefined || !isObject(named)) assert.deepEqual(after[member], named);
      else {
        const own = saysNothing(named[inner]) ? PSEUDONYM : named[inner];
        assert.deepEqual(after[member], { ...named, [inner]: own });
      }
      for (const name of Object.keys(before)) {
        if (name !== member) assert.deepEqual(after[name], before[name]);
      }
    }),
    { numRuns: 10_000 },
  );
});

function saysNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** Whether a text is another one with some of these members inserted, each with one comma or none. */
function isLess(result: string, body: string, inserted: string[]): boolean {
  let rests = new Set([result]);
  for (let count = 0; count <= 2; count++) {
    if (rests.has(body)) return true;
    const next = new Set<string>();
    for (const rest of rests) {
      for (const member of inserted) {
        for (const text of [`${member},`, `,${member}`, member]) {
          for (let at = rest.indexOf(text); at !== -1; at = rest.indexOf(text, at + 1)) {
            next.add(rest.slice(0, at) + rest.slice(at + text.length));
          }
        }
      }
    }
    rests = next;
  }
  return rests.has(body);
}

Deno.test("a body of too many members is refused before they cost a second of CPU", () => {
  const bodyOf = (members: number) =>
    utf8(`{"model":"m"${',"\\u00e9":0'.repeat(members - 2)},"stream":true}`);
  assert.equal(readJson(bodyOf(250_000)).streaming, true);
  assert.throws(() => readJson(bodyOf(250_001)), { type: "request_too_large" });
});

for (
  const [json, sessionId] of [
    ['{"model":"m"}', null],
    ['{"session_id":"s-1"}', "s-1"],
    ['{"session_id":""}', ""],
    ['{"session_id":null}', null],
    ['{"session_id":7}', null],
    ['{"session_id":{"id":"s"}}', null],
    ['{"session_id":["s"]}', null],
    ['{"session_id":"s\\u00e9\\u0000"}', "sé\0"],
    ['{"session\\u005fid":"s-1"}', "s-1"],
    // The last one counts, as in JSON.parse.
    ['{"session_id":"a","session_id":"b"}', "b"],
    ['{"session_id":"a","session_id":null}', null],
    ['{"session_id":"a","session_id":["b"]}', null],
    ['{"metadata":{"session_id":"a"}}', null],
  ] as const
) {
  Deno.test(`readCallBody reads the session of ${json}`, () => {
    assert.equal(readCallBody(new TextEncoder().encode(json), ANY)!.sessionId, sessionId);
  });
}

Deno.test("readCallBody gives a session that is too long to be read as one that is too long", () => {
  const body = new TextEncoder().encode(JSON.stringify({ session_id: "s".repeat(100_000) }));
  assert.ok(readCallBody(body, ANY)!.sessionId!.length > 128);
});
