/** The simulator's books: keys, generations, and what each key spent. Exact, whatever is asked. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type Period, Spend } from "./spend.ts";
import { decimal } from "./money.ts";

/** Generations that can still be read; the sums know all of them. */
const READABLE_GENERATIONS = 100_000;

export interface Key {
  hash: string;
  name: string;
  label: string;
  disabled: boolean;
  deleted: boolean;
  /** Units of 1e-18 USD; null without a limit. */
  limit: bigint | null;
  limitReset: Period | null;
  includeByokInLimit: boolean;
  createdAt: string;
  updatedAt: string | null;
  expiresAt: string | null;
  usage: Spend;
  byokUsage: Spend;
  generations: number;
}

/** What a generation consumed and costs; amounts in units of 1e-18 USD. */
export interface Figures {
  prompt: number;
  cached: number;
  completion: number;
  reasoning: number;
  units: number;
  cost: bigint;
  upstreamPrompt: bigint;
  upstreamRest: bigint;
  isByok: boolean;
}

/** A generation that ended. */
export interface GenerationRecord extends Figures {
  id: string;
  keyHash: string;
  model: string;
  provider: string;
  streamed: boolean;
  cancelled: boolean;
  latencyMs: number;
  generationTimeMs: number;
  /** When `GET /generation` knows it; infinite for never. */
  readableAtMs: number;
}

/** The books as JSON; amounts are decimal strings in USD. */
export interface LedgerSnapshot {
  keys: {
    hash: string;
    name: string;
    usage: string;
    byok_usage: string;
    limit: string | null;
    generations: number;
    disabled: boolean;
    deleted: boolean;
  }[];
  generations: number;
  cancelled_generations: number;
  total_cost: string;
}

/** What the management key may set on a key. */
export type KeySettings = Partial<
  Pick<Key, "name" | "disabled" | "limit" | "limitReset" | "includeByokInLimit" | "expiresAt">
>;

export class Ledger {
  readonly keys: Key[] = [];
  readonly videos = new Map<string, { generation: GenerationRecord; pendingPolls: number }>();
  readonly #byPlaintext = new Map<string, Key>();
  readonly #generations = new Map<string, GenerationRecord>();
  readonly #total = new Spend();
  #generationCount = 0;
  #cancelledCount = 0;

  constructor(readonly generationDelayMs: number) {}

  /** Creates a key; its plaintext is returned here and nowhere else. */
  createKey(settings: KeySettings & { name: string }): { key: Key; plaintext: string } {
    const secret = randomBytes(32).toString("hex");
    const plaintext = `sk-or-v1-${secret}`;
    const key: Key = {
      hash: createHash("sha256").update(plaintext).digest("hex"),
      label: `sk-or-v1-${secret.slice(0, 3)}...${secret.slice(-4)}`,
      disabled: false,
      deleted: false,
      limit: null,
      limitReset: null,
      includeByokInLimit: false,
      createdAt: new Date().toISOString(),
      updatedAt: null,
      expiresAt: null,
      usage: new Spend(),
      byokUsage: new Spend(),
      generations: 0,
      ...settings,
    };
    this.keys.push(key);
    this.#byPlaintext.set(plaintext, key);
    return { key, plaintext };
  }

  /** The key of that hash, unless it was deleted. */
  findKey(hash: string): Key | undefined {
    return this.keys.find((key) => key.hash === hash && !key.deleted);
  }

  /** The key that may call with this plaintext: neither deleted nor disabled nor expired. */
  authenticate(plaintext: string): Key | undefined {
    const key = this.#byPlaintext.get(plaintext);
    if (key === undefined || key.deleted || key.disabled) return undefined;
    const expired = key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now();
    return expired ? undefined : key;
  }

  /** What counts against the key's limit now. */
  spentOfLimit(key: Key): bigint {
    const spent = (spend: Spend) =>
      key.limitReset === null ? spend.total : spend.in(key.limitReset, Date.now());
    return spent(key.usage) + (key.includeByokInLimit ? spent(key.byokUsage) : 0n);
  }

  /** Books a generation. The caller does so once: see Generation. */
  book(generation: GenerationRecord, key: Key): void {
    const now = Date.now();
    key.generations++;
    key.usage.add(generation.cost, now);
    if (generation.isByok) {
      key.byokUsage.add(generation.upstreamPrompt + generation.upstreamRest, now);
    }
    this.#total.add(generation.cost, now);
    this.#generationCount++;
    if (generation.cancelled) this.#cancelledCount++;
    this.#generations.set(generation.id, generation);
    if (this.#generations.size > READABLE_GENERATIONS) {
      for (const oldest of this.#generations.keys()) {
        this.#generations.delete(oldest);
        break;
      }
    }
  }

  /** The generation of that id, once `GET /generation` may know it. */
  findGeneration(id: string): GenerationRecord | undefined {
    const generation = this.#generations.get(id);
    return generation !== undefined && generation.readableAtMs <= Date.now()
      ? generation
      : undefined;
  }

  /** All that was spent, in units of 1e-18 USD. */
  get totalCost(): bigint {
    return this.#total.total;
  }

  snapshot(): LedgerSnapshot {
    return {
      keys: this.keys.map((key) => ({
        hash: key.hash,
        name: key.name,
        usage: decimal(key.usage.total),
        byok_usage: decimal(key.byokUsage.total),
        limit: key.limit === null ? null : decimal(key.limit),
        generations: key.generations,
        disabled: key.disabled,
        deleted: key.deleted,
      })),
      generations: this.#generationCount,
      cancelled_generations: this.#cancelledCount,
      total_cost: decimal(this.totalCost),
    };
  }
}

/** A generation's id as OpenRouter forms it: the Unix second and 20 random characters. */
export function newGenerationId(): string {
  const random = randomUUID().replaceAll("-", "").slice(0, 20);
  return `gen-${Math.floor(Date.now() / 1000)}-${random}`;
}
