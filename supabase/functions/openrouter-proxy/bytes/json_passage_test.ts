import fc from "fast-check";
import assert from "node:assert/strict";
import { utf8 } from "./encodings.ts";
import { JsonScanner, type JsonVisitor } from "./json_scanner.ts";
import type { Taking } from "./json_passage.ts";
import { cut } from "../testing/cut.ts";
import { cuttings, everything, json, places, scan, text, WIDE } from "../testing/json_scans.ts";

/** Takes a member's value. */
function taking(member: string, take: Taking): JsonVisitor {
  return { member: (name) => name === member ? { take } : null };
}

const VALUES = ['"x"', '"\\"}\\\\"', "{}", '{ "a" : [ 1 ] }', "[[],{}]", "-1.5e7", "true", "null"];

for (const value of VALUES) {
  Deno.test(`JsonScanner takes exactly ${value} up to its size, and nothing of it beyond`, () => {
    for (const [maxBytes, expected] of [[value.length, value], [value.length - 1, null]] as const) {
      for (const chunks of cuttings(utf8(`{"a":0,"v": ${value} ,"b":${value}}`))) {
        const taken: (string | null)[] = [];
        const take: Taking = {
          maxBytes,
          value(json) {
            taken.push(json && text(json));
            return utf8("ignored");
          },
        };
        const { out } = scan(chunks, taking("v", take));
        assert.deepEqual(taken, [expected]);
        assert.equal(text(out), `{"a":0,"v": ${value} ,"b":${value}}`);
      }
    }
  });

  Deno.test(`JsonScanner puts something else in the place of exactly ${value}`, () => {
    for (const maxBytes of [value.length, value.length - 1]) {
      for (const chunks of cuttings(utf8(`{"a":0,"v": ${value} ,"v":${value}}`))) {
        const take: Taking = {
          maxBytes,
          replaces: true,
          value: (json) => utf8(`<${json?.length}>`),
        };
        const length = maxBytes === value.length ? value.length : undefined;
        assert.equal(
          text(scan(chunks, taking("v", take)).out),
          `{"a":0,"v": <${length}> ,"v":<${length}>}`,
        );
      }
    }
  });

  Deno.test(`JsonScanner leaves ${value} in its place where nothing takes it, small or large`, () => {
    for (const maxBytes of [value.length, value.length - 1]) {
      for (const chunks of cuttings(utf8(`[${value},{"v":${value}}]`))) {
        const take: Taking = { maxBytes, replaces: true, value: () => null };
        const { out } = scan(chunks, { item: () => ({ ...taking("v", take) }) });
        assert.equal(text(out), `[${value},{"v":${value}}]`);
      }
    }
  });
}

Deno.test("JsonScanner looks into nothing that it takes", () => {
  const seen: string[] = [];
  const inner: JsonVisitor = {
    take: { maxBytes: 99, value: (json) => (seen.push(text(json!)), null) },
    begin: () => seen.push("begin"),
    member: (name) => (seen.push(name!), inner),
  };
  scan([utf8('{"a":{"b":1}}')], { member: () => inner });
  assert.deepEqual(seen, ['{"b":1}']);
});

Deno.test("JsonScanner copies what it has of a value as often as that doubles, in however many pieces", () => {
  const value = `"${"x".repeat(10_000)}"`;
  const pieces = Array.from(utf8(`{"v":${value}}`), (byte) => Uint8Array.of(byte));
  const bytes: Uint8Array = Object.getPrototypeOf(Uint8Array.prototype);
  const { set } = bytes;
  let copied = 0;
  bytes.set = function (source, at) {
    copied += source.length;
    return set.call(this, source, at);
  };
  try {
    const scanner = new JsonScanner(taking("v", { maxBytes: 99_999, value: () => null }), WIDE);
    for (const piece of pieces) scanner.feed(piece);
  } finally {
    bytes.set = set;
  }
  assert.ok(copied < 5 * value.length, `${copied} bytes`);
});

Deno.test("JsonScanner replaces scalars of all documents in any pieces, and nothing else", () => {
  const replacing: JsonVisitor = {
    member: () => replacing,
    item: () => replacing,
    scalar: { maxBytes: 8, replaces: true, value: (json) => json && utf8(`<${text(json)}>`) },
  };
  fc.assert(
    fc.property(json, places, (written, at) => {
      const bytes = utf8(`[${written}]`);
      const whole = scan([bytes], replacing).out;
      const cuts = scan(cut(bytes, at), replacing).out;
      assert.equal(text(cuts), text(whole));
      assert.equal(text(whole).replaceAll(/<([^<>]*)>/g, "$1"), text(bytes));
    }),
    { numRuns: 1_000 },
  );
});

const HELD: Taking = {
  maxBytes: 99,
  replaces: true,
  value: () => utf8("<whole>"),
  part: (json) => utf8(`<${text(json)}>`),
};

Deno.test("JsonScanner holds back a value that may be replaced, and nothing before or behind it", () => {
  const scanner = new JsonScanner(taking("v", HELD), WIDE);
  const steps: [piece: string, passed: string, isHolding: boolean][] = [
    ['{"a":[1,2],"v"', '{"a":[1,2],"v"', false],
    [": ", ": ", false],
    [': {"x":'.slice(2), "", true],
    ["1", "", true],
    ['},"b"', '<whole>,"b"', false],
    [":1}", ":1}", false],
  ];
  for (const [piece, passed, isHolding] of steps) {
    assert.equal(text(scanner.feed(utf8(piece))), passed);
    assert.equal(scanner.isHolding, isHolding);
  }
});

Deno.test("JsonScanner tells where the texts and numbers are that nobody looks at, in a piece that has all of them", () => {
  const passedOver: unknown[] = [];
  const take: Taking = { maxBytes: 10, value: () => null };
  const scanner = new JsonScanner(
    taking("v", take),
    WIDE,
    (start, end, isText) => passedOver.push([start, end, isText]),
  );
  scanner.feed(utf8('{"a":"xy","n":-12.5,"t":true,"v":"z","l":["",3],"v":["x",{"a":5}]}'));
  assert.deepEqual(passedOver, [[6, 8, true], [14, 19, false], [43, 43, true], [45, 46, false]]);
});

Deno.test("JsonScanner gives out a held value in parts, and reads it whole all the same", () => {
  let value = "";
  const take: Taking = { ...HELD, value: (json) => (value = text(json!), utf8("<whole>")) };
  const scanner = new JsonScanner(taking("v", take), WIDE);
  const out = [
    scanner.feed(utf8('{"v":[1')),
    scanner.release(),
    scanner.release(),
    scanner.feed(utf8(",2")),
    scanner.feed(utf8(",3")),
    scanner.release(),
    scanner.feed(utf8("],4")),
  ];
  assert.deepEqual(out.map(text), [`{"v":`, "<[1>", "", "", "", "<,2,3>", "<]>,4"]);
  assert.equal(value, "[1,2,3]");
});

Deno.test("JsonScanner puts nothing in the place of a value too large whose beginning is out already", () => {
  for (const value of ["[1,2,3,4]", '"abcdefg"']) {
    for (const isEnded of [true, false]) {
      const told: unknown[] = [];
      const take: Taking = {
        ...HELD,
        maxBytes: 6,
        value: (json) => (told.push(json), utf8("<none>")),
      };
      const scanner = new JsonScanner(taking("v", take), WIDE);
      const out = [
        scanner.feed(utf8(`{"v":${value.slice(0, 3)}`)),
        scanner.release(),
        ...(isEnded ? [scanner.feed(utf8(`${value.slice(3)},"w":1}`))] : [
          scanner.feed(utf8(value.slice(3, 8))),
          scanner.feed(utf8(`${value.slice(8)},"w":1}`)),
        ]),
      ];
      const whole = out.map(text).join("").replaceAll(/[<>]/g, "");
      assert.deepEqual([whole, told], [`{"v":${value},"w":1}`, [null]]);
    }
  }
});

Deno.test("JsonScanner puts out a held value that is no JSON as a part, with all of the piece behind it", () => {
  const written = '{"v":{"x":NaN}}';
  for (let at = 0; at < written.length; at++) {
    const chunks = [utf8(written.slice(0, at)), utf8(written.slice(at))];
    const end = at > written.indexOf("N") ? at : written.length;
    const expected = `{"v":<${written.slice(5, end)}>${written.slice(end)}`;
    assert.equal(text(scan(chunks, taking("v", HELD)).out), expected);
  }
});

Deno.test("JsonScanner loses nothing of any text that is no JSON, held or not, however it is cut", () => {
  const holding: JsonVisitor = {
    member: (name) =>
      name === "a" ? { take: { maxBytes: 12, replaces: true, value: () => null } } : holding,
    item: () => holding,
  };
  fc.assert(
    fc.property(
      json,
      fc.nat(),
      fc.constantFrom('"', "}", "]", "\\", "\x01", ""),
      places,
      (written, place, added, at) => {
        const where = place % (written.length + 1);
        const broken = utf8(written.slice(0, where) + added + written.slice(where));
        assert.equal(text(scan(cut(broken, at), holding).out), text(broken));
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("JsonScanner passes on the very pieces of which nothing is replaced", () => {
  const scanner = new JsonScanner(everything({ scalars: [], brackets: [] }), WIDE);
  for (const piece of ['{"a":', "", '"b","c":[1', ",2]}", " ", "x", "y"].map(utf8)) {
    assert.equal(scanner.feed(piece), piece);
  }
});

Deno.test("JsonScanner replaces as many values of one piece as it has", () => {
  const item: JsonVisitor = { take: { maxBytes: 9, replaces: true, value: () => utf8("2") } };
  const { out } = scan([utf8(`[${"1,".repeat(300_000)}1]`)], { item: () => item });
  assert.equal(text(out), `[${"2,".repeat(300_000)}2]`);
});
