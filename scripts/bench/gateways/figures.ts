/** What rounds come to: the median of each figure. */
import type { Growth, GrowthSizes } from "./growth.ts";
import type { Measured } from "./measure.ts";
import { median } from "./median.ts";
import { UPSTREAM } from "./targets.ts";

/** Medians over the rounds of one target and shape. */
export type Figure = Omit<Measured, "round"> & {
  rounds: Measured[];
  /** By how much the upstream's own worst gap of the same round was exceeded, in milliseconds. */
  gapAdded: number;
  gapP50Added: number;
};

/** Medians over the rounds of one size. */
export interface GrowthFigure {
  of: keyof GrowthSizes;
  size: number;
  perSecond: number;
  p50: number;
  p99: number;
  cpuMsPerCall: number;
  /** Of the admission and of the settlement inside Postgres, in microseconds; null: not measured. */
  admitUs: number | null;
  settleUs: number | null;
}

/** The median of each number of some records; of what is no number, the first. */
function mediansOf<T extends object>(records: readonly T[]): T {
  return Object.fromEntries(
    Object.entries(records[0]!).map(([name, first]) => [
      name,
      typeof first === "number"
        ? median(records.map((record) => Number(record[name as keyof T])))
        : first,
    ]),
  ) as T;
}

export function figuresOf(measured: readonly Measured[]): Figure[] {
  const groups = Map.groupBy(
    measured,
    ({ target, shape, clients }) => `${shape} ${clients} ${target}`,
  );
  return [...groups.values()].map((rounds) => {
    const added = (name: "gapMax" | "gapP50") =>
      median(rounds.map((own) => {
        const upstream = measured.find(({ target, shape, clients, round }) =>
          target === UPSTREAM && shape === own.shape && clients === own.clients &&
          round === own.round
        );
        return own[name] - (upstream?.[name] ?? NaN);
      }));
    const { round: _, ...medians } = mediansOf(rounds);
    return {
      ...medians,
      rounds,
      gapAdded: added("gapMax"),
      gapP50Added: added("gapP50"),
    };
  });
}

export function growthFigures({ measured, ownTimes }: Growth): GrowthFigure[] {
  const groups = Map.groupBy(measured, ({ of, size }) => `${of} ${size}`);
  return [...groups.values()].map((rounds) => {
    const { of, size, perSecond, p50, p99, cpuMsPerCall } = mediansOf(rounds);
    const times = ownTimes.find((own) => own.of === of && own.size === size)?.times;
    const own = (what: string) => times?.find((time) => time.what === what)?.p50 ?? null;
    return {
      of,
      size,
      perSecond,
      p50,
      p99,
      cpuMsPerCall,
      admitUs: own("admit"),
      settleUs: own("settle"),
    };
  });
}
