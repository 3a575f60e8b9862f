import fc from "fast-check";
import assert from "node:assert/strict";
import { concat, utf8 } from "./encodings.ts";
import { cut } from "../testing/cut.ts";
import { cuttings, json, places, scan, text } from "../testing/json_scans.ts";

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

Deno.test("JsonScanner takes no control character within a string, and every one of them escaped", () => {
  for (let code = 0; code < 0x21; code++) {
    const character = String.fromCharCode(code);
    for (const json of [`["a${character}"]`, `{"a${character}":1}`]) {
      assert.equal(accepts(utf8(json)), code === 0x20, `${code}`);
    }
    assert.equal(accepts(utf8(JSON.stringify([character]))), true, `${code}`);
  }
});

Deno.test("JsonScanner counts what a text is written longer with: unicode escapes, and numbers", () => {
  for (
    const chunks of cuttings(utf8('{"\\u0061":["\\ud83d\\ude00\\n\\\\u0061",1,-2.5e3,"3",true]}'))
  ) {
    const { scanner } = scan(chunks);
    assert.deepEqual([scanner.unicodeEscapes, scanner.numbers], [3, 2]);
  }
});
