import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { createRequireOperator } from "./operator.ts";

const requireOperator = createRequireOperator(["sb_secret_1", "eyJhbGciOi.legacy"]);

const TAKEN: Record<string, string>[] = [
  { apikey: "sb_secret_1" },
  { apikey: "eyJhbGciOi.legacy" },
  { authorization: "Bearer sb_secret_1" },
  { authorization: "bearer eyJhbGciOi.legacy" },
  { apikey: "sb_publishable_1", authorization: "Bearer sb_secret_1" },
  { apikey: "sb_secret_1", authorization: "Bearer of.another.user" },
];
for (const headers of TAKEN) {
  Deno.test(`${JSON.stringify(headers)} is the operator's`, async () => {
    await requireOperator(new Headers(headers));
  });
}

const REFUSED: Record<string, string>[] = [
  {},
  { authorization: "Bearer " },
  { apikey: "" },
  { apikey: "sb_secret_2" },
  { apikey: "sb_secret_11" },
  { apikey: "sb_secret_" },
  // Their hashes begin, and end, with the byte that the key's does.
  { apikey: "sb_secret_1201" },
  { apikey: "sb_secret_1153" },
  { apikey: "sb_secret_1, sb_secret_1" },
  { authorization: "sb_secret_1" },
  { authorization: "Basic sb_secret_1" },
  { authorization: "Bearer" },
  { authorization: "Bearersb_secret_1" },
  { authorization: "My Bearer sb_secret_1" },
  { authorization: "Bearer sb_secret_1 x" },
  { "x-api-key": "sb_secret_1" },
];
for (const headers of REFUSED) {
  Deno.test(`${JSON.stringify(headers)} is not the operator's`, async () => {
    await assert.rejects(
      requireOperator(new Headers(headers)),
      {
        type: "missing_credentials",
        message:
          "this is the operator's: send a secret key of the project in apikey, or as a Bearer " +
          "token",
      },
    );
  });
}

Deno.test("where there is no secret key nobody is the operator", async () => {
  await assert.rejects(createRequireOperator([])(new Headers({ apikey: "" })), GatewayError);
});
