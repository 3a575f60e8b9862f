import assert from "node:assert/strict";
import type { Charges } from "./calls.ts";
import type { ListedModel, Prices } from "./price_list.ts";
import { dearest, isFreeOfCharge, isPriced, writesUnasked } from "./prices.ts";

function listed(id: string, prices: Prices, more: Partial<ListedModel> = {}): ListedModel {
  const model = { id, contextLength: null, maxOutputTokens: null, isRouter: false };
  return { ...model, prices, overrides: [], ...more } as ListedModel;
}

Deno.test("a model is free of charge that is called so, and none of whose prices is more than zero", () => {
  assert.equal(isFreeOfCharge(listed("a/b:free", { prompt: 0n, completion: 0n })), true);
  assert.equal(isFreeOfCharge(listed("a/b:FREE", {})), true);
  assert.equal(isFreeOfCharge(listed("openrouter/free", { prompt: 0n, completion: 0n })), true);
  assert.equal(isFreeOfCharge(listed("openrouter/free", { prompt: -1n, completion: -1n })), false);
  assert.equal(isFreeOfCharge(listed("a/b:free", { prompt: 0n, completion: 1n })), false);
  assert.equal(isFreeOfCharge(listed("a/b", { prompt: 0n, completion: 0n })), false);
});

const PRICED: [prices: Prices, ...charges: Charges[]][] = [
  [{ prompt: 1n }, "tokens", "prompt", "images"],
  [{ completion: 1n }, "tokens", "images"],
  [{ request: 1n }, "tokens"],
  [{ image_output: 1n }, "images"],
  [{ audio: 1n, web_search: 1n }],
  [{ prompt: 0n, completion: 0n }],
];

for (const [prices, ...charges] of PRICED) {
  Deno.test(`${Object.keys(prices)} of more than zero prices ${charges.join() || "nothing"}`, () => {
    const all: Charges[] = ["tokens", "prompt", "images", "job", "other"];
    assert.deepEqual(all.filter((one) => isPriced(listed("a/b", prices), one)), charges);
    assert.ok(!all.some((one) => isPriced(listed("a/b", prices, { isRouter: true }), one)));
  });
}

Deno.test("the dearest price counts of those that a prompt of this length may have", () => {
  const overrides = [
    { fromTokens: 50, prices: { prompt: 7n } },
    { fromTokens: 100, prices: { prompt: 2n, completion: 9n } },
  ];
  const model = listed("a/b", { prompt: 3n, completion: 5n }, { overrides });
  const of = (...args: [tokens: number, ...names: ("prompt" | "completion" | "audio")[]]) =>
    dearest(model, args.slice(1) as ["prompt"], args[0], {});
  assert.deepEqual([of(49, "prompt"), of(50, "prompt"), of(100, "prompt")], [3n, 7n, 7n]);
  assert.deepEqual([of(99, "completion"), of(100, "completion")], [5n, 9n]);
  assert.deepEqual([of(1, "prompt", "completion"), of(1, "audio")], [5n, 0n]);
});

Deno.test("a bound takes a listed price's place where it is certain, and else only where it is higher", () => {
  const model = listed("a/b", { prompt: 3n });
  const bounded = (units: bigint, isCertain: boolean) =>
    dearest(model, ["prompt"], 1, { prompt: { units, isCertain } });
  assert.deepEqual([bounded(2n, true), bounded(9n, true)], [2n, 9n]);
  assert.deepEqual([bounded(2n, false), bounded(9n, false)], [3n, 9n]);
});

Deno.test("whose caches are written unasked goes by the author, whole", () => {
  const unasked = (id: string) => writesUnasked(listed(id, {}));
  for (const id of ["anthropic/a", "Google/a", "qwen/a"]) assert.equal(unasked(id), false, id);
  for (const id of ["openai/a", "anthropics/a", "google-x/a", "x/anthropic/a"]) {
    assert.equal(unasked(id), true, id);
  }
});
