import assert from "node:assert/strict";
import { type Figure, figuresOf, growthFigures } from "./figures.ts";
import { loadSection, ratiosOf } from "./load_section.ts";
import type { Measured } from "./measure.ts";
import { chart } from "./chart.ts";
import { IN_MEMORY, ON_STACK, PASS_THROUGH, PORTKEY, UPSTREAM } from "./targets.ts";

function measured(members: Partial<Measured>): Measured {
  return {
    target: UPSTREAM,
    shape: "JSON",
    clients: 32,
    round: 0,
    calls: 100,
    perSecond: 1_000,
    p50: 1,
    p99: 2,
    firstByteP50: 1,
    gapP50: 0,
    gapMax: 0,
    failures: 0,
    generatorBusy: 0.1,
    cpuMsPerCall: 0.5,
    peakMemoryMb: 50,
    ...members,
  };
}

Deno.test("a figure is the median of its rounds, of each target, shape and number of clients", () => {
  const figures = figuresOf([
    ...[300, 100, 200].map((perSecond, round) => measured({ perSecond, round })),
    measured({ clients: 1, perSecond: 7 }),
    measured({ clients: 1, perSecond: 8, round: 1 }),
  ]);
  assert.deepEqual(
    figures.map(({ clients, perSecond, rounds }) => [clients, perSecond, rounds.length]),
    [[32, 200, 3], [1, 7.5, 2]],
  );
});

Deno.test("what a target adds to the worst gap is told against the upstream's of the same round", () => {
  const shape = "stream, 20 ms a token";
  const figures = figuresOf([
    ...[22, 60, 22].map((gapMax, round) => measured({ shape, gapMax, gapP50: 21, round })),
    ...[23, 62, 25].map((gapMax, round) =>
      measured({ target: IN_MEMORY, shape, gapMax, gapP50: 22, round })
    ),
  ]);
  const own = figures.find(({ target }) => target === IN_MEMORY)!;
  assert.equal(own.gapAdded, 2);
  assert.equal(own.gapP50Added, 1);
});

/** All targets at the shapes that ratios are told of. */
function allFigures(): Figure[] {
  const perSecond = {
    [UPSTREAM]: 50_000,
    [PASS_THROUGH]: 6_000,
    [IN_MEMORY]: 3_000,
    [ON_STACK]: 1_500,
    [PORTKEY]: 1_000,
  };
  return figuresOf(
    ["JSON", "JSON, 20 ms between calls", "stream"].flatMap((shape) =>
      [1, 32].flatMap((clients) =>
        Object.entries(perSecond).map(([target, rate]) =>
          measured({
            target,
            shape,
            clients,
            perSecond: rate,
            p50: 1_000 / rate,
            firstByteP50: 1_000 / rate,
          })
        )
      )
    ),
  );
}

Deno.test("ratios are told of those whose both figures there are", () => {
  assert.deepEqual(ratiosOf(allFigures()).map(({ ratio }) => ratio.toFixed(2)), [
    "3.00",
    "1.50",
    "0.67",
    "0.67",
    "0.50",
    "1.50",
    "0.67",
  ]);
  assert.deepEqual(ratiosOf(allFigures().filter(({ target }) => target !== PORTKEY)).length, 1);
});

Deno.test("beside a ratio of medians stand the least and the most of single rounds", () => {
  const rates = { [IN_MEMORY]: [2_000, 3_000, 4_000], [PORTKEY]: [1_000, 1_200, 500] };
  const figures = figuresOf(
    Object.entries(rates).flatMap(([target, each]) =>
      each.map((perSecond, round) => measured({ target, perSecond, round }))
    ),
  );
  figures[0]!.rounds.reverse();
  const [ratio] = ratiosOf(figures);
  assert.deepEqual([ratio!.ratio, ratio!.least, ratio!.most], [3, 2, 8]);
  assert.match(loadSection(figures), /\| +3\.00 × \| +2\.00 to 8\.00 \|/);
});

Deno.test("the section of the load compares with others, and tells the load's own limit", () => {
  const section = loadSection(allFigures());
  assert.match(
    section,
    /\| gateway, store in memory \| +32 \| +3 000 \|(?:.*\|) +0\.50 \| +3\.00 \|/,
  );
  assert.match(section, /50 000 JSON calls\/s \(10 % of a core\), 50 000 streams\/s/);
});

Deno.test("the chart names every target but the upstream, with its figures, in colours of both themes", () => {
  const svg = chart(allFigures());
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
  for (const text of [PASS_THROUGH, IN_MEMORY, ON_STACK, "Portkey (no accounting)"]) {
    assert.equal(texts.filter((one) => one === text).length, 4, text);
  }
  assert.ok(!texts.includes(UPSTREAM));
  for (const text of ["6 000", "3 000", "1 500", "1 000"]) assert.ok(texts.includes(text), text);
  assert.match(svg, /^<svg role="img" aria-label="[^"]+"/);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.ok(svg.endsWith("</svg>\n"));
});

Deno.test("growth is told by size, with Postgres's own times where they were measured", () => {
  const grown = (of: "rows" | "processes", size: number, perSecond: number, round: number) => ({
    of,
    size,
    ...measured({ perSecond, round }),
  });
  const figures = growthFigures({
    measured: [
      grown("rows", 10_000, 100, 0),
      grown("rows", 10_000, 300, 1),
      grown("processes", 4, 500, 0),
    ],
    ownTimes: [{
      of: "rows",
      size: 10_000,
      times: [{ what: "admit", p50: 300, p99: 900 }, { what: "settle", p50: 200, p99: 800 }],
    }],
  });
  assert.deepEqual(
    figures.map(({ of, size, perSecond, admitUs, settleUs }) => [
      of,
      size,
      perSecond,
      admitUs,
      settleUs,
    ]),
    [["rows", 10_000, 200, 300, 200], ["processes", 4, 500, null, null]],
  );
});
