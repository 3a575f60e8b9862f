import assert from "node:assert/strict";
import { Asked } from "./asked.ts";

/** What all that is asked for comes to. */
function factsOf(asked: Asked) {
  const { models, tools, modes, unnamed, mediaParts, caching } = asked;
  const { images, imageBytes, hasLongMedia, hasDocument, compacts } = asked;
  const { isPriority, ignoresPrice, fallbackOutput, hasOtherProvider } = asked;
  return {
    models: [...models],
    tools: [...tools].map(([name, { uses, results, characters, where }]) =>
      `${uses} ${name} of ${results} by ${characters} at ${where()}`
    ),
    modes: [...modes],
    unnamed: unnamed?.() ?? null,
    mediaParts,
    images,
    imageBytes,
    hasLongMedia,
    hasDocument,
    compacts,
    caching,
    isPriority,
    ignoresPrice,
    fallbackOutput,
    hasOtherProvider,
  };
}

function full(): Asked {
  const asked = new Asked();
  asked.model("a/b", () => "model");
  asked.tool("web_search", { uses: 2, results: 7, characters: 400, where: () => "tools[0]" });
  asked.reasons("pro");
  asked.unnamed = () => "a router";
  asked.mediaParts = 3;
  asked.images = 1;
  asked.imageBytes = 10;
  asked.hasLongMedia = true;
  asked.hasDocument = true;
  asked.compacts = true;
  asked.cached("long");
  asked.tiered("service_tier", "Priority");
  asked.sorted("throughput");
  asked.fallbackOutput = 100;
  asked.hasOtherProvider = true;
  return asked;
}

const FULL = {
  models: ["a/b"],
  tools: ["2 web_search of 7 by 400 at tools[0]"],
  modes: ["pro"],
  unnamed: "a router",
  mediaParts: 3,
  images: 1,
  imageBytes: 10,
  hasLongMedia: true,
  hasDocument: true,
  compacts: true,
  caching: "long",
  isPriority: true,
  ignoresPrice: true,
  fallbackOutput: 100,
  hasOtherProvider: true,
};

Deno.test("what a part of a body asks for counts for the whole, and takes nothing back", () => {
  const all = new Asked();
  all.add(full());
  assert.deepEqual(factsOf(all), FULL);
  all.add(new Asked());
  assert.deepEqual(factsOf(all), FULL);
});

Deno.test("a body names a hundred models or tools at most", () => {
  const naming = (models: number, tools: number) => {
    const asked = new Asked();
    for (let n = 0; n < models; n++) asked.model(`a/${n}`, () => "models");
    const tool = { uses: 1, results: 0, characters: 0, where: () => "tools" };
    for (let n = 0; n < tools; n++) asked.tool(`tool-${n}`, tool);
    return () => asked.assertBounded();
  };
  naming(100, 100)();
  assert.throws(naming(101, 0), { message: "the body names over 100 models" });
  assert.throws(naming(0, 101), { message: "the body names over 100 tools" });
});

Deno.test("a short cache stays one beside parts without a cache", () => {
  const asked = new Asked();
  asked.cached("short");
  asked.add(new Asked());
  assert.equal(asked.caching, "short");
});

Deno.test("what several parts ask for adds up, and the dearer one counts", () => {
  const all = full();
  const other = new Asked();
  other.model("c/d", () => "model");
  other.tool("web_search", { uses: 5, results: 3, characters: 500, where: () => "tools[9]" });
  other.reasons("turbo");
  other.tool("mcp", { uses: 1, results: 0, characters: 0, where: () => "tools[1]" });
  other.unnamed = () => "a preset";
  other.mediaParts = 4;
  other.images = 2;
  other.imageBytes = 7;
  other.cached("short");
  other.fallbackOutput = 7;
  all.add(other);
  assert.deepEqual(factsOf(all), {
    ...FULL,
    models: ["a/b", "c/d"],
    tools: ["7 web_search of 7 by 500 at tools[0]", "1 mcp of 0 by 0 at tools[1]"],
    modes: ["pro", "turbo"],
    mediaParts: 7,
    images: 3,
    imageBytes: 17,
  });
});

Deno.test("of several uses of a tool the one with the most results counts, wherever it stands", () => {
  const asked = full();
  asked.tool("web_search", { uses: 1, results: 9, characters: 300, where: () => "tools[1]" });
  asked.tool("web_search", { uses: 1, results: 8, characters: 600, where: () => "tools[2]" });
  assert.deepEqual(factsOf(asked).tools, ["4 web_search of 9 by 600 at tools[0]"]);
});

Deno.test("a use of a tool that does not say how much it is to find counts as a usual one", () => {
  const one = { uses: 1, results: 1, characters: 90_000, where: () => "tools[0]" };
  const other = { uses: 1, results: 0, characters: 0, where: () => "tools[1]" };
  for (const uses of [[one, other], [other, one]]) {
    const asked = new Asked();
    for (const use of uses) asked.tool("web_search", use);
    const where = uses[0]!.where();
    assert.deepEqual(factsOf(asked).tools, [`2 web_search of 5 by 90000 at ${where}`]);
  }
});

Deno.test("the ordinary mode of reasoning is none that leads to another model", () => {
  const asked = new Asked();
  for (const mode of ["", "standard", "pro"]) asked.reasons(mode);
  assert.deepEqual(factsOf(asked).modes, ["pro"]);
});

Deno.test("a name that is longer than any model's names none", () => {
  const asked = new Asked();
  asked.model("x".repeat(256), () => "model");
  assert.equal(factsOf(asked).unnamed, null);
  asked.model("x".repeat(257), () => "models[1]");
  asked.model("y".repeat(300), () => "models[2]");
  assert.deepEqual(
    [asked.models.size, factsOf(asked).unnamed],
    [1, "models[1] is no model's name"],
  );
});
