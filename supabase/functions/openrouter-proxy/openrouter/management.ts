/**
 * OpenRouter's management API: create, guard, list and delete the keys of DIDs.
 *
 * Source: openrouter.md, "Keys". Called with the provisioning key, which proxied calls never carry.
 */

import { parseKeepingDecimals } from "../bytes/decimal.ts";
import type { KeyLimit } from "../store.ts";

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

/** What OpenRouter's management API answered instead of doing what was asked. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";

  /**
   * @param status OpenRouter's HTTP status; null when no usable answer came
   * @param retryAfter OpenRouter's Retry-After, verbatim
   */
  constructor(
    message: string,
    readonly status: number | null,
    readonly retryAfter: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
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

/** How long one management call may take. Shorter than the lease under which keys are created. */
const CALL_TIMEOUT_MS = 20_000;
const PAGE_SIZE = 100;
/** Members whose digits matter. */
const EXACT = new Set(["limit"]);
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
 */
export function createManagement(
  openrouterUrl: string,
  provisioningKey: string,
  fetch: typeof globalThis.fetch,
  workspaceId: string | null,
): Management {
  /** @param route what errors call the path: without ids, and fit for an operator to act on */
  async function call(
    method: string,
    path: string,
    body?: string,
    route = "/keys",
  ): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${openrouterUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${provisioningKey}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
        redirect: "error",
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      const message = `OpenRouter did not answer ${method} ${route}`;
      throw new ManagementError(message, null, null, { cause });
    }
    if (!response.ok) {
      throw new ManagementError(
        `OpenRouter answered ${method} ${route} with status ${response.status}`,
        response.status,
        response.headers.get("retry-after"),
      );
    }
    try {
      return parseKeepingDecimals(text, EXACT);
    } catch {
      // No cause: a parser's message quotes the text, which may hold a plaintext key.
      throw new ManagementError(`OpenRouter answered ${method} ${route} with no JSON`, null);
    }
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
          yield* unseen;
          if (page.data.length < PAGE_SIZE) return;
        }
      }
      throw new ManagementError("OpenRouter's keys are deleted faster than they are listed", null);
    },
  };
}

/** The limit is put into the text as it is, so that no float touches it. */
function limitMembers({ creditLimit, creditLimitReset }: KeyLimit): string {
  return `"limit":${creditLimit},"limit_reset":${JSON.stringify(creditLimitReset)}`;
}
