/** The simulator's books: keys, generations, and what each key spent. Exact, whatever is asked. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { DailyQuota } from "./daily_quota.ts";
import { FreeModelQuota } from "./free_models.ts";
import type { Guardrail } from "./guardrails.ts";
import { USER_ID } from "./identifiers.ts";
import { decimal } from "./money.ts";
import type { SharedItem } from "./shared.ts";
import { type Period, Spend } from "./spend.ts";
import type { VideoJob } from "./videos.ts";

/** Generations that can still be read; the sums know all of them. */
const READABLE_GENERATIONS = 100_000;
const DATASET_READS_A_DAY = 500;

export interface Key {
  hash: string;
  name: string;
  label: string;
  workspaceId: string;
  externalUser: string | null;
  creatorUserId: string;
  guardrailId: string | null;
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
  /** Prompt tokens that were written to the provider's cache. */
  cacheWrite: number;
  completion: number;
  reasoning: number;
  /** Of the completion's tokens. */
  imageTokens: number;
  units: number;
  /** What a compaction consumed: paid, and no part of `prompt` and `completion`. */
  compactedPrompt: number;
  compactedCompletion: number;
  toolCalls: number;
  searches: number;
  /** Part of `cost`. */
  toolCost: bigint;
  cost: bigint;
  upstreamPrompt: bigint;
  upstreamRest: bigint;
  isByok: boolean;
}

/** A generation that ended. */
export interface GenerationRecord extends Figures {
  id: string;
  /** The same for all generations of one request. */
  requestId: string;
  keyHash: string;
  model: string;
  provider: string;
  streamed: boolean;
  cancelled: boolean;
  workspaceId: string;
  /** What kind of endpoint made it, e.g. `completions`. */
  apiType: string;
  finishReason: string | null;
  /** `session_id` of the body, or the header `x-session-id`. */
  sessionId: string | null;
  /** `user` of the body. */
  externalUser: string | null;
  serviceTier: string | null;
  router: string | null;
  createdAtMs: number;
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
    workspace_id: string;
    guardrail_id: string | null;
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

/** What one generation was billed, as JSON; amounts are decimal strings in USD. */
export interface BilledGeneration {
  id: string;
  key_hash: string;
  cost: string;
  /** What the customer's own provider key was charged; 0 for any other call. */
  byok_cost: string;
  session_id: string | null;
}

/** What the management key may set on a key. */
export type KeySettings = Partial<
  Pick<Key, "name" | "disabled" | "limit" | "limitReset" | "includeByokInLimit" | "expiresAt">
>;

/** What a key is made with. */
type NewKey =
  & KeySettings
  & Pick<Key, "name" | "workspaceId" | "externalUser">
  & Partial<Pick<Key, "creatorUserId">>;

/** How long a generation is not known after its end, in ms. */
export interface Delays {
  /** To `GET /generation`. */
  generationDelayMs: number;
  /** To `POST /analytics/query` and `GET /activity`. */
  analyticsDelayMs: number;
}

export class Ledger {
  readonly keys: Key[] = [];
  readonly guardrails = new Map<string, Guardrail>();
  /** Files, containers, batches and presets, by workspace and kind: see shared.ts. */
  readonly shared = new Map<string, Map<string, SharedItem>>();
  readonly freeModels = new FreeModelQuota();
  readonly datasetReads = new DailyQuota(DATASET_READS_A_DAY);
  /** What all keys spent. */
  readonly total = new Spend();
  /** What all customers' own provider keys spent. */
  readonly byokTotal = new Spend();
  readonly videos = new Map<string, VideoJob>();
  readonly #byPlaintext = new Map<string, Key>();
  readonly #generations = new Map<string, GenerationRecord>();
  #generationCount = 0;
  #cancelledCount = 0;

  /** When the last analytics queries came. */
  analyticsQueriesMs: number[] = [];

  constructor(readonly delays: Delays) {}

  /** Creates a key; its plaintext is returned here and nowhere else. */
  createKey(settings: NewKey): { key: Key; plaintext: string } {
    const secret = randomBytes(32).toString("hex");
    const plaintext = `sk-or-v1-${secret}`;
    const key: Key = {
      hash: createHash("sha256").update(plaintext).digest("hex"),
      label: `sk-or-v1-${secret.slice(0, 3)}...${secret.slice(-4)}`,
      creatorUserId: USER_ID,
      guardrailId: null,
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
      const upstream = generation.upstreamPrompt + generation.upstreamRest;
      key.byokUsage.add(upstream, now);
      this.byokTotal.add(upstream, now);
    }
    this.total.add(generation.cost, now);
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

  /** The generations that analytics know by now, oldest first. */
  analysed(): GenerationRecord[] {
    const before = Date.now() - this.delays.analyticsDelayMs;
    return [...this.#generations.values()].filter(({ createdAtMs }) => createdAtMs <= before);
  }

  /** Every generation that can still be read, oldest first. */
  billed(): BilledGeneration[] {
    return [...this.#generations.values()].map((generation) => ({
      id: generation.id,
      key_hash: generation.keyHash,
      cost: decimal(generation.cost),
      byok_cost: decimal(
        generation.isByok ? generation.upstreamPrompt + generation.upstreamRest : 0n,
      ),
      session_id: generation.sessionId,
    }));
  }

  snapshot(): LedgerSnapshot {
    return {
      keys: this.keys.map((key) => ({
        hash: key.hash,
        name: key.name,
        workspace_id: key.workspaceId,
        guardrail_id: key.guardrailId,
        usage: decimal(key.usage.total),
        byok_usage: decimal(key.byokUsage.total),
        limit: key.limit === null ? null : decimal(key.limit),
        generations: key.generations,
        disabled: key.disabled,
        deleted: key.deleted,
      })),
      generations: this.#generationCount,
      cancelled_generations: this.#cancelledCount,
      total_cost: decimal(this.total.total),
    };
  }
}

/** A generation's id as OpenRouter forms it: the Unix second and 20 random characters. */
export function newGenerationId(prefix = "gen"): string {
  const random = randomUUID().replaceAll("-", "").slice(0, 20);
  return `${prefix}-${Math.floor(Date.now() / 1000)}-${random}`;
}
