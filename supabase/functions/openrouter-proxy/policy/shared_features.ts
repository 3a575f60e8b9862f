/**
 * Finds in a body what reaches beyond the caller: things that all DIDs of the account share, and jobs,
 * which must be the caller's own.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import { GatewayError } from "../errors.ts";
import { Asked } from "./asked.ts";
import type { Finding, FoundFeature, Report, SharedFeature } from "./findings.ts";
import { meaningOf, REFERENCES } from "./members.ts";
import { isPresetName } from "./model_names.ts";
import { Watch } from "./watch.ts";

/** No body names more than one and those of its fallbacks. */
const MAX_JOBS = 100;
const NO_FEATURES: readonly Finding[] = [];
const NO_JOBS: ReadonlySet<string> = new Set();

/** What one body reaches. */
export class Reach implements Report {
  #sharedFeatures: Finding[] | null = null;
  #previousJobIds: Set<string> | null = null;
  /** What is asked for that costs, complete once the body has ended. */
  readonly asked = new Asked();
  /**
   * Looks at the body itself. It throws {@linkcode GatewayError}s: invalid_request for a previous job that is
   * no text.
   */
  readonly visitor = new Watch(null, "", this, "plain");

  /** The first of each feature, complete once the body has ended. */
  get sharedFeatures(): readonly Finding[] {
    return this.#sharedFeatures ?? NO_FEATURES;
  }

  /** What `previous_job_id` names, at any depth. */
  get previousJobIds(): ReadonlySet<string> {
    return this.#previousJobIds ?? NO_JOBS;
  }

  finding(feature: FoundFeature, where: () => string): void {
    this.#sharedFeatures ??= [];
    if (this.#sharedFeatures.some((found) => found.feature === feature)) return;
    this.#sharedFeatures.push({ feature, param: where() });
  }

  jobId(id: string): void {
    this.#previousJobIds ??= new Set();
    this.#previousJobIds.add(id);
    if (this.#previousJobIds.size > MAX_JOBS) {
      throw new GatewayError("invalid_request", `the body names over ${MAX_JOBS} previous jobs`);
    }
  }

  noJobId(where: () => string): void {
    throw new GatewayError("invalid_request", "previous_job_id must be the id of a job", {
      details: { param: where() },
    });
  }
}

/**
 * What the operator has to open. A shell by OpenAI's own names is that of OpenRouter with any model that is not
 * OpenAI's; of those OpenAI makes a sandbox for the request, or the client runs it.
 *
 * @param areOpenAis whether all that may run are OpenAI's own models
 */
export function toBeOpened(
  found: readonly Finding[],
  areOpenAis: boolean,
): Finding<SharedFeature>[] {
  const toOpen: Finding<SharedFeature>[] = [];
  if (found.length === 0) return toOpen;
  for (const { feature, param } of found) {
    if (feature === "openai:shell" && areOpenAis) continue;
    const needed = feature === "openai:shell" ? "openrouter:shell" : feature;
    if (!toOpen.some((other) => other.feature === needed)) toOpen.push({ feature: needed, param });
  }
  return toOpen;
}

/**
 * What a field of a form reaches; null: nothing that is shared.
 *
 * @param text its value; null: a long one
 */
export function featureOfField(name: string, text: string | null): SharedFeature | null {
  if (text === "") return null;
  if (Object.hasOwn(REFERENCES, name)) return REFERENCES[name]!;
  if (name === "container") return "container";
  return meaningOf(name) === "models" && (text === null || isPresetName(text)) ? "preset" : null;
}
