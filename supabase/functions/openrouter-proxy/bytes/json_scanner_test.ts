import fc from "fast-check";
import assert from "node:assert/strict";
import { concat, concatAll, utf8 } from "./encodings.ts";
import { MAX_NAME_BYTES } from "./json_names.ts";
import { JsonScanner, type JsonVisitor, type ScanBounds, type Taking } from "./json_scanner.ts";
import { cut } from "../testing/cut.ts";

const WIDE: ScanBounds = { maxDepth: 1_000, maxValues: Infinity };
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

interface Scanned {
  scanner: JsonScanner;
  out: Uint8Array;
}

function scan(chunks: Uint8Array[], visitor: JsonVisitor = {}, bounds = WIDE): Scanned {
  const scanner = new JsonScanner(visitor, bounds);
  const out = chunks.map((chunk) => scanner.feed(chunk).slice());
  return { scanner, out: concat(concatAll(out), scanner.release()) };
}

function accepts(...chunks: Uint8Array[]): boolean {
  const { scanner } = scan(chunks);
  return scanner.error === null && scanner.isComplete;
}

function parses(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** All ways to cut bytes in two, and byte by byte. */
function cuttings(bytes: Uint8Array): Uint8Array[][] {
  const twos = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  return [[bytes], ...twos, Array.from(bytes, (byte) => Uint8Array.of(byte))];
}

// Named after JSONTestSuite (https://github.com/nst/JSONTestSuite).
const ACCEPTED: [name: string, json: string][] = [
  ["y_array_arraysWithSpaces", "[[]   ]"],
  ["y_array_empty", "[]"],
  ["y_array_with_several_null", "[1,null,null,null,2]"],
  ["y_number", "[123e65]"],
  ["y_number_0e+1", "[0e+1]"],
  ["y_number_minus_zero", "[-0]"],
  ["y_number_negative_int", "[-123]"],
  ["y_number_real_capital_e_neg_exp", "[1E-2]"],
  ["y_number_real_fraction_exponent", "[123.456e78]"],
  ["y_number_huge_exp", "[0.4e00669999999999999999999999999999999999999999999999969999999006]"],
  ["y_object_duplicated_key", '{"a":"b","a":"c"}'],
  ["y_object_empty_key", '{"":0}'],
  ["y_object_escaped_null_in_key", '{"foo\\u0000bar":42}'],
  ["y_object_with_newlines", '{\n"a":"b"\r\n\t}'],
  ["y_string_allowed_escapes", '["\\"\\\\\\/\\b\\f\\n\\r\\t"]'],
  ["y_string_accepted_surrogate_pair", '["\\uD801\\udc37"]'],
  ["y_string_lone_surrogate", '["\\uDADA"]'],
  ["y_string_with_del_character", '["\x7f"]'],
  ["y_string_nonCharacterInUTF-8_U+FFFF", '["\uffff"]'],
  ["y_string_u+2028_line_sep", '["\u2028"]'],
  ["y_structure_lonely_int", "42"],
  ["y_structure_lonely_negative_real", "-0.1"],
  ["y_structure_lonely_string", '"asd"'],
  ["y_structure_lonely_null", "null"],
  ["y_structure_lonely_true", " true "],
  ["y_structure_trailing_newline", '["a"]\n'],
];

const REFUSED: [name: string, json: string][] = [
  ["n_array_1_true_without_comma", "[1 true]"],
  ["n_array_colon_instead_of_comma", '["": 1]'],
  ["n_array_comma_after_close", '[""],'],
  ["n_array_comma_and_number", "[,1]"],
  ["n_array_double_comma", "[1,,2]"],
  ["n_array_extra_close", '["x"]]'],
  ["n_array_extra_comma", '["",]'],
  ["n_array_incomplete", '["x"'],
  ["n_array_just_comma", "[,]"],
  ["n_array_star_inside", "[*]"],
  ["n_incomplete_false", "[fals]"],
  ["n_incomplete_null_at_the_end", "nul"],
  ["n_literal_goes_on", "[nulll]"],
  ["n_number_-", "[-]"],
  ["n_number_-01", "[-01]"],
  ["n_number_-NaN", "[-NaN]"],
  ["n_number_+1", "[+1]"],
  ["n_number_.2", "[.2]"],
  ["n_number_0.1.2", "[0.1.2]"],
  ["n_number_0_capital_E+", "[0E+]"],
  ["n_number_0.e1", "[0.e1]"],
  ["n_number_2.e3", "[2.e3]"],
  ["n_number_1_000", "[1 000.0]"],
  ["n_number_1eE2", "[1eE2]"],
  ["n_number_hex", "[0x42]"],
  ["n_number_Infinity", "[Infinity]"],
  ["n_number_minus_at_the_end", "-"],
  ["n_number_real_without_fractional_part", "[1.]"],
  ["n_number_real_without_fractional_part_at_the_end", "1."],
  ["n_number_neg_int_starting_with_zero", "[-012]"],
  ["n_object_bad_value", '["x", truth]'],
  ["n_object_bracket_key", '{[: "x"}'],
  ["n_object_comma_instead_of_colon", '{"x", null}'],
  ["n_object_double_colon", '{"x"::"b"}'],
  ["n_object_missing_colon", '{"a" "b"}'],
  ["n_object_missing_value", '{"a":'],
  ["n_object_no_value", '{"a":}'],
  ["n_object_non_string_key", '{1:"x"}'],
  ["n_object_single_quote", "{'a':0}"],
  ["n_object_trailing_comma", '{"id":0,}'],
  ["n_object_trailing_comment", '{"a":"b"}/**/'],
  ["n_object_two_commas_in_a_row", '{"a":"b",,"c":"d"}'],
  ["n_object_unquoted_key", "{a:1}"],
  ["n_object_closed_as_array", '{"a":1]'],
  ["n_array_closed_as_object", "[1}"],
  ["n_string_1_surrogate_then_escape_u", '["\\uD800\\u"]'],
  ["n_string_escape_x", '["\\x00"]'],
  ["n_string_escaped_emoji", '["\\🌀"]'],
  ["n_string_invalid_unicode_escape", '["\\uqqqq"]'],
  ["n_string_unescaped_newline", '["new\nline"]'],
  ["n_string_unescaped_tab", '["\t"]'],
  ["n_string_unescaped_ctrl_char", '["a\0a"]'],
  ["n_string_capital_u", '["\\U0041"]'],
  ["n_structure_angle_bracket_.", "<.>"],
  ["n_structure_double_array", "[][]"],
  ["n_structure_two_numbers", "1 2"],
  ["n_structure_no_data", ""],
  ["n_structure_white_space_alone", " "],
  ["n_structure_whitespace_formfeed", "[\f]"],
  ["n_structure_nbsp", "[\u00a0]"],
  ["n_structure_U+2060_word_joined", "[\u2060]"],
  ["n_structure_byte_order_mark_twice", "\ufeff\ufeff{}"],
  ["n_structure_byte_order_mark_alone", "\ufeff"],
  ["n_structure_byte_order_mark_inside", "[\ufeff1]"],
  ["n_structure_capitalized_True", "[True]"],
];

for (const [name, json] of ACCEPTED) {
  Deno.test(`JsonScanner accepts ${name}, however it is cut`, () => {
    assert.ok(parses(json));
    for (const chunks of cuttings(utf8(json))) {
      assert.ok(accepts(...chunks), JSON.stringify(chunks.map(text)));
    }
  });
}

for (const [name, json] of REFUSED) {
  Deno.test(`JsonScanner refuses ${name}, however it is cut`, () => {
    assert.ok(!parses(json));
    for (const chunks of cuttings(utf8(json))) {
      assert.ok(!accepts(...chunks), JSON.stringify(chunks.map(text)));
      assert.equal(text(scan(chunks).out), json);
    }
  });
}

Deno.test("JsonScanner tolerates a byte order mark, however it is cut, and no part of one", () => {
  for (const chunks of cuttings(utf8('\ufeff {"a":1}'))) assert.ok(accepts(...chunks));
  for (const part of [[0xef], [0xef, 0xbb], [0xbb], [0xef, 0xef, 0xbb, 0xbf]]) {
    for (const chunks of cuttings(concat(part, utf8("{}")))) assert.ok(!accepts(...chunks));
  }
});

Deno.test("JsonScanner says why it reads no further, once and for all", () => {
  const { scanner, out } = scan([utf8("{} x"), utf8('{"a":1}')]);
  assert.equal(scanner.error?.kind, "syntax");
  assert.equal(text(out), '{} x{"a":1}');
});

/** White space, more often none. */
const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 2 });
const string = fc.oneof(
  fc.string({ unit: "binary", maxLength: 6 }).map((value) => JSON.stringify(value)),
  fc.array(
    fc.constantFrom('\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d\\uDE00", "\\ud800", "é", "🙂", "x"),
    { maxLength: 4 },
  ).map((parts) => `"${parts.join("")}"`),
);
const name = fc.oneof(fc.constantFrom('"a"', '"\\u0061"', '"b"', '"\ufeffa"'), string);
const scalar = fc.oneof(
  string,
  fc.constantFrom("true", "false", "null", "0", "-0", "1E400", "-1.5e-7", "12345678901234567890"),
  fc.double().filter(Number.isFinite).map(String),
);
/** JSON texts as somebody may write them: with odd spacing, escapes and repeated names. */
const { json } = fc.letrec<{ json: string; value: string; array: string; object: string }>((
  tie,
) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    tie("array"),
    tie("object"),
  ),
  array: fc.tuple(space, fc.array(fc.tuple(tie("value"), space), { maxLength: 4 }))
    .map(([before, items]) => `[${before}${items.map((parts) => parts.join("")).join(",")}]`),
  object: fc.tuple(
    space,
    fc.array(fc.tuple(space, name, space, fc.constant(":"), space, tie("value"), space), {
      maxLength: 4,
    }),
  ).map(([before, members]) => `{${before}${members.map((parts) => parts.join("")).join(",")}}`),
  json: fc.tuple(space, tie("value"), space).map((parts) => parts.join("")),
}));

const places = fc.array(fc.nat(), { maxLength: 6 });

Deno.test("JsonScanner accepts any JSON text, in any pieces, and passes the same bytes on", () => {
  fc.assert(
    fc.property(json, places, (written, at) => {
      JSON.parse(written);
      const chunks = cut(utf8(written), at);
      assert.ok(accepts(...chunks));
      assert.equal(text(scan(chunks).out), text(utf8(written)));
    }),
    { numRuns: 2_000 },
  );
});

const mutation = fc.tuple(
  fc.nat(),
  fc.nat({ max: 2 }),
  fc.oneof(
    fc.constantFrom(..."{}[],:\"\\/ \t\n\f\0+-.eE01a9u'", "null", "tru", "\u00a0", "\ufeff", ""),
    fc.string({ unit: "binary", maxLength: 2 }),
  ),
);

Deno.test("JsonScanner accepts a text that was changed anywhere if and only if JSON.parse does", () => {
  fc.assert(
    fc.property(
      json,
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      places,
      (original, mutations, at) => {
        let changed = original;
        for (const [place, removed, added] of mutations) {
          const where = place % (changed.length + 1);
          changed = changed.slice(0, where) + added + changed.slice(where + removed);
        }
        // What is fed are bytes: JSON.parse is given what a decoder makes of them.
        const bytes = utf8(changed);
        const expected = parses(new TextDecoder().decode(bytes));
        const chunks = cut(bytes, at);
        assert.equal(accepts(...chunks), expected, JSON.stringify(changed));
        assert.deepEqual(scan(chunks).out, new Uint8Array(bytes));
      },
    ),
    { numRuns: 5_000 },
  );
});

interface Told {
  /** Names, and `[]` for items, down to each scalar and its JSON. */
  scalars: [path: string, json: string | null][];
  brackets: string[];
}

/** Looks at everything. */
function everything(told: Told, path = ""): JsonVisitor {
  let items = 0;
  return {
    member: (name) => everything(told, `${path}.${JSON.stringify(name)}`),
    item: () => everything(told, `${path}[${items++}]`),
    begin: (at, isObject) => told.brackets.push(`${path}${isObject ? "{" : "["} at ${at}`),
    end: (at, isEmpty) => told.brackets.push(`${path}${isEmpty ? " empty" : ""} ends at ${at}`),
    scalar: {
      maxBytes: 1_000,
      value(json) {
        told.scalars.push([path, json && text(json)]);
        return null;
      },
    },
  };
}

function toldOf(chunks: Uint8Array[]): Told {
  const told: Told = { scalars: [], brackets: [] };
  scan(chunks, everything(told));
  return told;
}

/** The same of a parsed document without repeated names. */
function scalarsOf(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item, i) => scalarsOf(item, `${path}[${i}]`));
  return Object.entries(value).flatMap(([name, member]) =>
    scalarsOf(member, `${path}.${JSON.stringify(name)}`)
  );
}

Deno.test("JsonScanner tells the same of a text in any pieces", () => {
  fc.assert(
    fc.property(json, places, (written, at) => {
      // A number at the top may always go on, and is told by what comes behind it.
      const bytes = utf8(`${written} `);
      assert.deepEqual(toldOf(cut(bytes, at)), toldOf([bytes]));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("JsonScanner tells every scalar of a document at its place, as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat({ max: 3 }), places, (value, indent, at) => {
      const written = `${JSON.stringify(value, null, indent)} `;
      const { scalars } = toldOf(cut(utf8(written), at));
      const parsed = scalars.map(([path, json]) => [path, JSON.parse(json!)] as const);
      // Objects list members with integer names first, texts as they were written.
      const inOrder = (list: readonly (readonly [string, unknown])[]) =>
        list.map(([path, found]) => `${path} ${JSON.stringify(found)}`).sort();
      assert.deepEqual(inOrder(parsed), inOrder(scalarsOf(JSON.parse(written))));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("JsonScanner tells where objects and arrays begin and end, from the text's first byte on", () => {
  for (const chunks of cuttings(utf8('\ufeff[{"é":{}}, [ ]]'))) {
    assert.deepEqual(toldOf(chunks).brackets, [
      "[ at 3",
      "[0]{ at 4",
      '[0]."é"{ at 10',
      '[0]."é" empty ends at 11',
      "[0] ends at 12",
      "[1][ at 15",
      "[1] empty ends at 17",
      " ends at 18",
    ]);
  }
});

/** The names that a text's object has, as they are told. */
function namesIn(chunks: Uint8Array[]): (string | null)[] {
  const names: (string | null)[] = [];
  scan(chunks, {
    member(name) {
      names.push(name);
      return null;
    },
  });
  return names;
}

const NAMES: [written: string, name: string][] = [
  ["model", "model"],
  ["\\u006dodel", "model"],
  ["\\u006D\\u006f\\u0064\\u0065\\u006c", "model"],
  // A decoder that swallows byte order marks would make `model` of it, which OpenRouter does not read.
  ["\ufeffmodel", "\ufeffmodel"],
  ["\\ufeffmodel", "\ufeffmodel"],
  ["mod\u0000el".replace("\0", "\\u0000"), "mod\0el"],
  ['a\\"b\\\\c\\/d\\n', 'a"b\\c/d\n'],
  ["\\ud83d\\ude00🙂é", "😀🙂é"],
  ["\\ud800", "\ud800"],
  ["__proto__", "__proto__"],
  ["", ""],
];

for (const [written, name] of NAMES) {
  Deno.test(`JsonScanner reads the name ${JSON.stringify(written)}, however it is cut`, () => {
    assert.equal(JSON.parse(`"${written}"`), name);
    for (const chunks of cuttings(utf8(`{"${written}":1,"a":2}`))) {
      assert.deepEqual(namesIn(chunks), [name, "a"]);
    }
  });
}

Deno.test("JsonScanner tells names up to their greatest length, and none that is longer", () => {
  for (const length of [MAX_NAME_BYTES - 1, MAX_NAME_BYTES]) {
    const name = "n".repeat(length);
    for (const chunks of cuttings(utf8(`{"${name}":1}`))) assert.deepEqual(namesIn(chunks), [name]);
  }
  for (const length of [MAX_NAME_BYTES + 1, 3 * MAX_NAME_BYTES]) {
    const written = utf8(`{"${"n".repeat(length)}":1,"a":2}`);
    for (const chunks of cuttings(written)) assert.deepEqual(namesIn(chunks), [null, "a"]);
  }
});

// "Aa" and "BB" have the same hash where a character counts 31 times as much as the next one.
Deno.test("JsonScanner never takes one name for another that it remembers by the same hash", () => {
  const alike = Array.from(
    { length: 256 },
    (_, bits) => Array.from({ length: 8 }, (_, i) => bits >> i & 1 ? "Aa" : "BB").join(""),
  );
  const written = utf8(`{${[...alike, ...alike].map((name) => `"${name}":1`).join(",")}}`);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(namesIn([written]), [...alike, ...alike]);
  }
});

Deno.test("JsonScanner reads names by the thousand, and those it read before, as they are", () => {
  const many = Array.from({ length: 5_000 }, (_, i) => `name${i}`);
  const written = utf8(`{"model":1,${many.map((name) => `"${name}":1`).join(",")},"model":1}`);
  assert.deepEqual(namesIn([written]), ["model", ...many, "model"]);
});

Deno.test("JsonScanner reads up to its depth, and no deeper", () => {
  const bounds = { maxDepth: 3, maxValues: Infinity };
  assert.equal(scan([utf8('[{"a":[1]}]')], {}, bounds).scanner.error, null);
  const { scanner, out } = scan([utf8('[{"a":[[]]}]')], {}, bounds);
  assert.equal(scanner.error?.kind, "depth");
  assert.equal(text(out), '[{"a":[[]]}]');
});

Deno.test("JsonScanner reads up to its number of values, of objects, arrays and scalars together", () => {
  const bounds = { maxDepth: 9, maxValues: 5 };
  assert.equal(scan([utf8('{"a":[1,{},"x"]}')], {}, bounds).scanner.error, null);
  const { scanner, out } = scan([utf8('{"a":[1,{},"x",0]}')], {}, bounds);
  assert.equal(scanner.error?.kind, "values");
  assert.equal(text(out), '{"a":[1,{},"x",0]}');
});

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
