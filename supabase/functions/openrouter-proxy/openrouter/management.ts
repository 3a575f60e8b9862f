/**
 * OpenRouter's management API: create, guard, list and delete the keys of DIDs.
 *
 * Source: openrouter.md, "Keys". Called with the provisioning key, which proxied calls never carry.
 */

import { isObject } from "../bytes/encodings.ts";
import { creditsOfUsd, usdOfCredits } from "../bytes/usd.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import { createManagementCall, ManagementError } from "./management_call.ts";

export { ManagementError };

/** A key as `GET /keys` shows it. */
export interface ListedKey {
  hash: string;
  name: string;
  disabled: boolean;
  created_at: string;
  /** USD, the decimal as it was written; null: no limit. */
  limit: string | null;
  limit_reset: string | null;
}

export interface CreatedKey {
  /** Lower-case SHA-256 hex of the key. */
  hash: string;
  /** The plaintext, which no later answer shows again. */
  key: string;
}

/** What a key has spent since it was made, in OpenRouter's credits: decimals as they were written. */
export interface KeyUsage {
  usage: string;
  /** What the providers charged the owners of BYOK keys; no part of `usage`. */
  byokUsage: string;
}

export interface Management {
  /** @throws {ManagementError} */
  createKey(name: string, limit: KeyLimit): Promise<CreatedKey>;
  /**
   * Puts a key under a guardrail, in place of the one that it may have.
   *
   * @throws {ManagementError}
   */
  assignGuardrail(guardrailId: string, hash: string): Promise<void>;
  /** @throws {ManagementError} */
  setLimit(hash: string, limit: KeyLimit): Promise<void>;
  /** Whether OpenRouter still takes a key: it is there, and not disabled. @throws {ManagementError} */
  isAlive(hash: string): Promise<boolean>;
  /** What a key has spent; null: it is gone. @throws {ManagementError} */
  keyUsage(hash: string): Promise<KeyUsage | null>;
  /**
   * What OpenRouter knows of a generation, whichever key of the account made it, with exact amounts of
   * money; null: it does not know it, or not yet.
   *
   * @throws {ManagementError}
   */
  generation(id: string): Promise<Record<string, unknown> | null>;
  /** Deletes a key; one that is gone already counts as deleted. @throws {ManagementError} */
  deleteKey(hash: string): Promise<void>;
  /**
   * All keys of the workspace, newest first, page by page, disabled ones included, each once; none
   * that is there from the first page to the last is missed, whatever is made or deleted meanwhile.
   *
   * @throws {ManagementError}
   */
  listKeys(): AsyncGenerator<ListedKey>;
}

const PAGE_SIZE = 100;
const LIMITS: ReadonlySet<string> = new Set(["limit"]);
const USAGES: ReadonlySet<string> = new Set(["usage", "byok_usage"]);
const AMOUNTS: ReadonlySet<string> = new Set(["total_cost", "upstream_inference_cost"]);
/**
 * How far pages overlap. A key that is deleted moves the later ones a place up, past an offset that
 * was already read.
 */
const PAGE_OVERLAP = 10;
const MAX_LISTINGS = 5;

/** Names the variable, which is what an operator looks at when the guardrail is not there. */
const GUARDRAIL_ROUTE = "/guardrails/{OPENROUTER_GUARDRAIL_ID}/assignments/keys";

/**
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param workspaceId where keys are created and listed; null: in the account's default workspace
 * @param usdPerCredit OpenRouter counts limits in credits
 */
export function createManagement(
  openrouterUrl: string,
  provisioningKey: string,
  fetch: typeof globalThis.fetch,
  workspaceId: string | null,
  usdPerCredit = "1",
): Management {
  const manage = createManagementCall(openrouterUrl, provisioningKey, fetch);
  const call = (method: string, path: string, body?: string, route = "/keys") =>
    manage(method, path, { route, exact: LIMITS, ...(body === undefined ? {} : { body }) });

  /** The limit is put into the text as it is, so that no float touches it. */
  function limitMembers({ creditLimit, creditLimitReset }: KeyLimit): string {
    const limit = creditLimit && creditsOfUsd(creditLimit, usdPerCredit);
    return `"limit":${limit},"limit_reset":${JSON.stringify(creditLimitReset)}`;
  }

  /** The member `data` of an answer; null: 404. */
  async function readData(path: string, route: string, exact: ReadonlySet<string>) {
    try {
      const answer = await manage("GET", path, { route, exact });
      if (isObject(answer) && isObject(answer.data)) return answer.data;
    } catch (error) {
      if (error instanceof ManagementError && error.status === 404) return null;
      throw error;
    }
    throw new ManagementError(`OpenRouter's answer to GET ${route} lacks its data`, null);
  }

  return {
    async createKey(name, limit) {
      const workspace = workspaceId === null
        ? ""
        : `,"workspace_id":${JSON.stringify(workspaceId)}`;
      const body = `{"name":${JSON.stringify(name)},${limitMembers(limit)}${workspace}}`;
      const answer = await call("POST", "/keys", body) as {
        key?: unknown;
        data?: { hash?: unknown };
      } | null;
      const key = answer?.key;
      const hash = answer?.data?.hash;
      if (typeof key !== "string" || key === "" || typeof hash !== "string" || hash === "") {
        throw new ManagementError("OpenRouter's answer to POST /keys lacks the key", null);
      }
      return { key, hash };
    },

    async assignGuardrail(guardrailId, hash) {
      const path = `/guardrails/${encodeURIComponent(guardrailId)}/assignments/keys`;
      const body = JSON.stringify({ key_hashes: [hash] });
      const answer = await call("POST", path, body, GUARDRAIL_ROUTE) as {
        assigned_count?: unknown;
      } | null;
      if (answer?.assigned_count === 0) {
        throw new ManagementError(`OpenRouter assigned no key in POST ${GUARDRAIL_ROUTE}`, null);
      }
    },

    async setLimit(hash, limit) {
      await call("PATCH", `/keys/${encodeURIComponent(hash)}`, `{${limitMembers(limit)}}`);
    },

    async isAlive(hash) {
      try {
        const answer = await call("GET", `/keys/${encodeURIComponent(hash)}`) as {
          data?: { disabled?: unknown };
        } | null;
        return answer?.data?.disabled !== true;
      } catch (error) {
        if (error instanceof ManagementError && error.status === 404) return false;
        throw error;
      }
    },

    async keyUsage(hash) {
      const path = `/keys/${encodeURIComponent(hash)}`;
      const key = await readData(path, "/keys/{hash}", USAGES);
      if (key === null) return null;
      const { usage, byok_usage: byokUsage = "0" } = key;
      if (typeof usage !== "string" || typeof byokUsage !== "string") {
        throw new ManagementError("OpenRouter's answer to GET /keys/{hash} lacks usage", null);
      }
      return { usage, byokUsage };
    },

    generation: (id) =>
      readData(`/generation?id=${encodeURIComponent(id)}`, "/generation", AMOUNTS),

    async deleteKey(hash) {
      try {
        await call("DELETE", `/keys/${encodeURIComponent(hash)}`);
      } catch (error) {
        if (!(error instanceof ManagementError && error.status === 404)) throw error;
      }
    },

    async *listKeys() {
      const seen = new Set<string>();
      const workspace = workspaceId === null
        ? ""
        : `&workspace_id=${encodeURIComponent(workspaceId)}`;
      for (let listing = 1; listing <= MAX_LISTINGS; listing++) {
        for (let offset = 0;; offset += PAGE_SIZE - PAGE_OVERLAP) {
          const query = `offset=${offset}&include_disabled=true${workspace}`;
          const page = await call("GET", `/keys?${query}`) as { data?: ListedKey[] } | null;
          if (!Array.isArray(page?.data)) {
            throw new ManagementError("OpenRouter's answer to GET /keys lacks the list", null);
          }
          const unseen = page.data.filter(({ hash }) => !seen.has(hash));
          // More were deleted than pages overlap: there may be a gap before this one.
          if (offset > 0 && unseen.length === page.data.length) break;
          for (const { hash } of unseen) seen.add(hash);
          yield* unseen.map((key) => ({
            ...key,
            limit: key.limit && usdOfCredits(key.limit, usdPerCredit),
          }));
          if (page.data.length < PAGE_SIZE) return;
        }
      }
      throw new ManagementError("OpenRouter's keys are deleted faster than they are listed", null);
    },
  };
}
