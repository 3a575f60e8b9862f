/**
 * The keys of DIDs at OpenRouter, one at a time: made, limited, looked at and deleted.
 *
 * Source: docs/openrouter.md, "Keys".
 */
import { creditsOfUsd } from "../bytes/usd.ts";
import { dataOf, type ManagementCall, ManagementError } from "./management_call.ts";

/** What a key may spend. */
export interface KeyLimit {
  /** USD, a decimal string; null: no limit. */
  creditLimit: string | null;
  /** When what was spent is forgotten, at midnight UTC; null: never. */
  creditLimitReset: "daily" | "weekly" | "monthly" | null;
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
  /** What the providers charged the owners of BYOK keys; no part of `usage`. Null: it is not told. */
  byokUsage: string | null;
}

export interface Keys {
  /** @throws {ManagementError} */
  createKey(name: string, limit: KeyLimit): Promise<CreatedKey>;
  /** @throws {ManagementError} */
  setLimit(hash: string, limit: KeyLimit): Promise<void>;
  /**
   * Whether OpenRouter takes a key: it is there, not disabled, and has not expired.
   *
   * @param now milliseconds since the epoch
   * @throws {ManagementError}
   */
  isAlive(hash: string, now: number): Promise<boolean>;
  /** What a key has spent; null: it is gone. @throws {ManagementError} */
  keyUsage(hash: string): Promise<KeyUsage | null>;
  /** Deletes a key; one that is gone already counts as deleted. @throws {ManagementError} */
  deleteKey(hash: string): Promise<void>;
}

const ROUTE = "/keys";
const USAGES: ReadonlySet<string> = new Set(["usage", "byok_usage"]);

/**
 * @param workspaceId where keys are created; null: in the account's default workspace
 * @param usdPerCredit OpenRouter counts limits in credits
 */
export function keysAt(
  manage: ManagementCall,
  workspaceId: string | null,
  usdPerCredit: string,
): Keys {
  /** The limit is put into the text as it is, so that no float touches it. */
  function limitMembers({ creditLimit, creditLimitReset }: KeyLimit): string {
    const limit = creditLimit && creditsOfUsd(creditLimit, usdPerCredit);
    return `"limit":${limit},"limit_reset":${JSON.stringify(creditLimitReset)}`;
  }

  return {
    async createKey(name, limit) {
      const workspace = workspaceId === null
        ? ""
        : `,"workspace_id":${JSON.stringify(workspaceId)}`;
      const body = `{"name":${JSON.stringify(name)},${limitMembers(limit)}${workspace}}`;
      const answer = await manage("POST", "/keys", { route: ROUTE, body }) as {
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

    async setLimit(hash, limit) {
      await manage("PATCH", pathOf(hash), { route: ROUTE, body: `{${limitMembers(limit)}}` });
    },

    async isAlive(hash, now) {
      try {
        const answer = await manage("GET", pathOf(hash), { route: ROUTE }) as {
          data?: { disabled?: unknown; expires_at?: unknown };
        } | null;
        return answer?.data?.disabled !== true && !hasExpired(answer?.data?.expires_at, now);
      } catch (error) {
        if (error instanceof ManagementError && error.status === 404) return false;
        throw error;
      }
    },

    async keyUsage(hash) {
      const key = await dataOf(manage, pathOf(hash), { route: "/keys/{hash}", exact: USAGES });
      if (key === null) return null;
      const { usage, byok_usage: byokUsage = "0" } = key;
      if (typeof usage !== "string") {
        throw new ManagementError("OpenRouter's answer to GET /keys/{hash} lacks usage", null);
      }
      return { usage, byokUsage: typeof byokUsage === "string" ? byokUsage : null };
    },

    async deleteKey(hash) {
      try {
        await manage("DELETE", pathOf(hash), { route: ROUTE });
      } catch (error) {
        if (!(error instanceof ManagementError && error.status === 404)) throw error;
      }
    },
  };
}

/**
 * Whether a key has expired that says this of itself.
 *
 * @param expiresAt RFC 3339; anything else never comes
 * @param now milliseconds since the epoch
 */
export function hasExpired(expiresAt: unknown, now: number): boolean {
  return typeof expiresAt === "string" && Date.parse(expiresAt) <= now;
}

function pathOf(hash: string): string {
  return `/keys/${encodeURIComponent(hash)}`;
}
