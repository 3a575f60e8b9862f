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
    assert.equal(queryOf(`${at}?a=%3F%26&a=b+c`, ["a"]).getAll("a").join(), "?&,b c", host);
    assert.equal(queryOf(at, []).size, 0);
  }
});

Deno.test("supabase-js may say where the function shall run", () => {
  queryOf(`${URL}?forceFunctionRegion=eu-west-1`, []);
});

for (
  const [search, known, param, message] of [
    ["?a=1&startdate=2026", ["a", "b"], "startdate", "no parameter of this route: it takes a, b"],
    ["?A=1", ["a"], "A", "no parameter of this route: it takes a"],
    ["?constructor", [], "constructor", "no parameter of this route: it takes none"],
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
