import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { queryOf } from "./query_parameters.ts";

const URL = "http://edge/openrouter-proxy/api/v1/usage";

Deno.test("a route reads the parameters that it has", () => {
  const query = queryOf(`${URL}?start_date=2026-11-22&group_by=day`, ["group_by", "start_date"]);
  assert.deepEqual([query.get("start_date"), query.get("group_by")], ["2026-11-22", "day"]);
  assert.equal(queryOf(URL, []).size, 0);
});

Deno.test("a route reads its parameters whatever the Host is, which Deno's server writes into the URL", () => {
  for (const host of ["[", "a:99999", "a%zz", "a<b", ":80", "xn--a", "256.1.1.1", "[::1]"]) {
    const at = `http://${host}/openrouter-proxy/api/v1/usage`;
    const query = queryOf(`${at}?a=%3F%26&b=b+c`, ["a", "b"]);
    assert.deepEqual([query.get("a"), query.get("b")], ["?&", "b c"], host);
    assert.equal(queryOf(at, []).size, 0);
  }
});

Deno.test("supabase-js may say where the function shall run", () => {
  queryOf(`${URL}?forceFunctionRegion=eu-west-1`, []);
});

Deno.test("a route reads what only looks as if it were not UTF-8", () => {
  const { a, b, c } = Object.fromEntries(
    queryOf(`${URL}?a=%EF%BF%BD&b=100%&c=%zz+%F0%9F%91%8D`, ["a", "b", "c"]),
  );
  assert.deepEqual([a, b, c], ["\u{fffd}", "100%", "%zz \u{1f44d}"]);
});

for (
  const [search, known, param, message] of [
    ["?a=1&b=2&a=1", ["a", "b"], "a", "given twice"],
    ["?a=1&%61=1", ["a"], "a", "given twice"],
    ["?b=1&a=%FF", ["a", "b"], "a", "not UTF-8"],
    ["?a=a%ed%a0%80", ["a"], "a", "not UTF-8"],
    ["?a=%E9t%C3%A9", ["a"], "a", "not UTF-8"],
    ["?a=%C3+%A9", ["a"], "a", "not UTF-8"],
    ["?forceFunctionRegion=%FF", [], "forceFunctionRegion", "not UTF-8"],
    ["?a=1&startdate=2026", ["a", "b"], "startdate", "no parameter of this route: it takes a, b"],
    ["?A=1", ["a"], "A", "no parameter of this route: it takes a"],
    ["?constructor", [], "constructor", "no parameter of this route: it takes none"],
    ["??a=1", ["a"], "?a", "no parameter of this route: it takes a"],
    ["?=1", [], "", "no parameter of this route: it takes none"],
    ["?forcefunctionregion=x", [], "forcefunctionregion", "no parameter of this route"],
  ] as const
) {
  Deno.test(`${search} is refused by its name where the parameters are "${known.join()}"`, () => {
    assert.throws(() => queryOf(URL + search, known), (error) => {
      assert.ok(error instanceof GatewayError);
      assert.equal(error.type, "invalid_request");
      assert.deepEqual(error.details, { param });
      assert.ok(error.message.startsWith(`${param} is ${message}`), error.message);
      return true;
    });
  });
}
