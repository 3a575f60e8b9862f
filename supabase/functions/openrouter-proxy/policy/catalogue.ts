/**
 * OpenRouter's list of prices, kept in the isolate and fetched anew behind the requests' backs: none
 * but the first has to wait for it, and that one not for long.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import { isWithin } from "../concurrency/is_within.ts";
import { chunkReader } from "../bytes/chunk_reader.ts";
import { concatAll, textOf } from "../bytes/encodings.ts";
import { type ListedModel, type PriceList, readPriceList } from "./price_list.ts";
import { isListed } from "./variants.ts";

export interface Catalogue {
  /**
   * Resolves once there are prices, or no more is to be waited for. It never rejects: without prices
   * models are unknown.
   *
   * @param models that the request names: for one that is not listed the list is fetched again, for
   *   requests to come
   */
  ready(models: readonly string[]): Promise<unknown>;
  /** @param id a model's, without variants that are not listed themselves, in any case */
  find(id: string): ListedModel | null;
}

export interface CatalogueDeps {
  /** OpenRouter's API without a trailing slash. */
  openrouterUrl: string;
  fetch: typeof globalThis.fetch;
  /** Milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: (event: Record<string, unknown>) => void;
}

const FIRST_WAIT_MS = 1_000;
const REFRESHED_AFTER_MS = 60 * 60_000;
const LOOKED_AGAIN_AFTER_MS = 60_000;
const RETRIED_AFTER_MS = 5_000;
const TIMEOUT_MS = 10_000;
/** The list has less than one. */
const MAX_BYTES = 16 * 1024 * 1024;

export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const { now, sleep, waitUntil, log } = deps;
  let list: PriceList = new Map();
  let fetchedAt = -Infinity;
  let triedAt = -Infinity;
  let isUnderWay = false;
  /** What the requests wait for that come before there was any list. */
  let firstWait: Promise<unknown> | null = null;

  async function refresh(): Promise<void> {
    try {
      list = readPriceList(await fetchList(deps));
      fetchedAt = now();
    } catch (error) {
      log({ level: "warn", event: "prices_unavailable", error: String(error) });
    } finally {
      isUnderWay = false;
    }
  }

  function refreshIfOlder(ms: number): Promise<void> | null {
    const nowMs = now();
    if (isUnderWay || isWithin(ms, fetchedAt, nowMs)) return null;
    if (isWithin(RETRIED_AFTER_MS, triedAt, nowMs)) return null;
    isUnderWay = true;
    triedAt = nowMs;
    const refreshed = refresh();
    waitUntil(refreshed);
    return refreshed;
  }

  // Nearly all write it as the list does.
  const find = (id: string) => list.get(id) ?? list.get(id.toLowerCase()) ?? null;
  const isMissing = (name: string) => !isListed(name, find);

  return {
    ready(models) {
      const refreshed = refreshIfOlder(
        models.some(isMissing) ? LOOKED_AGAIN_AFTER_MS : REFRESHED_AFTER_MS,
      );
      if (refreshed !== null) firstWait ??= Promise.race([refreshed, sleep(FIRST_WAIT_MS)]);
      return firstWait ?? Promise.resolve();
    },
    find,
  };
}

/** @throws where there is no answer in time, none that is a list, or one that is too large */
async function fetchList({ openrouterUrl, fetch }: CatalogueDeps): Promise<string> {
  const response = await fetch(`${openrouterUrl}/models?output_modalities=all`, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`GET /models was answered with status ${response.status}`);
  }
  const reader = chunkReader(response.body);
  const chunks: Uint8Array[] = [];
  for (let size = 0;;) {
    const { done, value } = await reader.read();
    if (done) return textOf(concatAll(chunks));
    size += value.length;
    chunks.push(value);
    if (size <= MAX_BYTES) continue;
    await reader.cancel("too large");
    throw new Error(`GET /models was answered with over ${MAX_BYTES} bytes`);
  }
}
