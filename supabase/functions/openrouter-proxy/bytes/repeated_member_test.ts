import assert from "node:assert/strict";
import { utf8 } from "./encodings.ts";
import { repeatedMember } from "./repeated_member.ts";

for (
  const [text, repeated] of [
    ["{}", null],
    ['{"a":1,"b":1}', null],
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', null],
    ['{"a":{"a":{"a":1,"a":2}}}', null],
    ['{"a":1,"A":2}', null],
    ['{"a":1,"a":1}', "a"],
    ['{"a":1,"b":{},"\\u0061":1}', "a"],
    ['{"a":1,"b":1,"b":2,"a":2,"a":3}', "b"],
    ['{"":1,"":1}', ""],
    ['{"__proto__":1,"__proto__":1}', "__proto__"],
    [`{"a":${"[".repeat(1500)}${"]".repeat(1500)},"b":1,"b":2}`, "b"],
    [`{"${"a".repeat(200)}":1,"${"b".repeat(200)}":1}`, null],
  ] as const
) {
  Deno.test(`the member that is repeated in ${text.slice(0, 40)} is ${repeated}`, () => {
    assert.equal(repeatedMember(utf8(text), JSON.parse(text)), repeated);
  });
}
