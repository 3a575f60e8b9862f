/**
 * DID → an OpenRouter key of its own, created exactly once.
 *
 * Postgres leases the right to create (key_provisioning): one claimant over all isolates creates
 * the key, the others wait for it. OpenRouter has no idempotency for `POST /keys`, so the key's name
 * carries the DID, by which an attempt that died is found and its key deleted. Where there is a
 * guardrail, no key is stored, and so none is used, before OpenRouter has put it under that.
 */
import { oneUnderWay } from "../concurrency/one_under_way.ts";
import { GatewayError } from "../errors.ts";
import type { CreatedKey } from "../openrouter/keys.ts";
import type { Management } from "../openrouter/management.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { ProvisionedKey, ProvisioningClaim } from "../store/key_provisioning.ts";
import { StoreUnavailable } from "../store/rpc.ts";
import type { Store } from "../store/store.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import type { KeyVault } from "./key_vault.ts";
import { accessDenied, noNewAccounts } from "./refusals.ts";

/** How long a request waits for another one that is creating the same DID's key. */
const MAX_WAIT_MS = 10_000;
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 1_000;
const SAVE_RETRY_DELAYS_MS = [100, 500];
/** Clocks of OpenRouter and Postgres may differ by this much. */
const CLOCK_MARGIN_MS = 10 * 60_000;

/**
 * Resolves, once the DID has a key in Postgres, to its envelope, whoever created it.
 *
 * @param brokenKeyHash a key that OpenRouter no longer takes, to be replaced; null: none is known
 * @throws {GatewayError} access_denied, rate_limited, provisioning_failed, provisioning_in_progress,
 *   store_unavailable
 */
export type Provision = (did: string, brokenKeyHash: string | null) => Promise<string>;

export interface ProvisionerDeps {
  store: Pick<Store, "claimProvisioning" | "completeProvisioning" | "releaseProvisioning">;
  management: Pick<Management, "createKey" | "assignGuardrail" | "deleteKey" | "listKeys">;
  vault: Pick<KeyVault, "seal">;
  /** The guardrail that each key is put under; null: none. */
  guardrailId: string | null;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Called when there is an alert to deliver. */
  onAlert: () => void;
  /** Reports what an operator should know, without secrets. */
  log: (event: Record<string, unknown>) => void;
}

/** One attempt to create a key, under the lease. */
interface Attempt {
  did: string;
  attemptId: string;
  brokenKeyHash: string | null;
  limit: KeyLimit;
  orphansSince: Date | null;
}

/** The name of a DID's key at OpenRouter begins with this; no DID contains `#`. */
export function keyNamePrefix(did: string): string {
  return `llm-gateway:${did}#`;
}

/** The DID whose key has this name; null when it is no key of the gateway. */
export function didOfKeyName(name: string): string | null {
  return /^llm-gateway:(did:[^#]+)#/.exec(name)?.[1] ?? null;
}

/** Returns what gives DIDs their keys; requests of one isolate for the same DID share one attempt. */
export function createProvisioner(deps: ProvisionerDeps): Provision {
  const { store, management, vault, guardrailId, now, sleep, onAlert, log } = deps;
  // The requests of one isolate wait together, so that a new DID's burst costs one claim.
  const provisionOnce = oneUnderWay<string>();

  function provision(did: string, brokenKeyHash: string | null): Promise<string> {
    return provisionOnce(`${did} ${brokenKeyHash}`, () => claimOrWait(did, brokenKeyHash));
  }

  async function claimOrWait(did: string, brokenKeyHash: string | null): Promise<string> {
    const attemptId = crypto.randomUUID();
    const deadline = now() + MAX_WAIT_MS;
    for (let pollMs = FIRST_POLL_MS;; pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS)) {
      const claim = await claimed(did, attemptId, brokenKeyHash);
      switch (claim.state) {
        case "provisioned":
          return claim.encryptedApiKey;
        case "disabled":
          throw accessDenied();
        case "no_room":
          throw noNewAccounts(claim);
        case "claimed":
          if (claim.isAlerted) onAlert();
          return await create({ did, attemptId, brokenKeyHash, ...claim });
      }
      if (now() + pollMs > deadline) {
        throw new GatewayError(
          "provisioning_in_progress",
          "this DID's OpenRouter key is still being created; try again",
          { headers: { "retry-after": "2" } },
        );
      }
      await sleep(pollMs);
    }
  }

  /** What a claim is answered. One whose answer is lost is given back, as all would wait for its end. */
  async function claimed(
    did: string,
    attemptId: string,
    brokenKeyHash: string | null,
  ): Promise<ProvisioningClaim> {
    try {
      return await store.claimProvisioning(did, attemptId, brokenKeyHash);
    } catch (error) {
      if (error instanceof StoreUnavailable && error.mayHaveArrived) {
        // As if a key might be there: an earlier attempt may have left one, and only Postgres knows.
        await store.releaseProvisioning(did, attemptId, true).catch(() => {});
      }
      throw error;
    }
  }

  async function create(attempt: Attempt): Promise<string> {
    const { did, attemptId, limit } = attempt;
    const name = `${keyNamePrefix(did)}${attemptId.slice(0, 8)}`;
    // Whether the next claimant has to look for keys that nobody will use.
    let orphanPossible = attempt.orphansSince !== null;
    let created: CreatedKey | null = null;
    try {
      await deleteForerunners(attempt);
      orphanPossible = true;
      created = await management.createKey(name, limit);
      const { hash } = created;
      if (guardrailId !== null) await management.assignGuardrail(guardrailId, hash);
      const encryptedApiKey = await vault.seal(did, created.key);
      const stored = await save({ did, attemptId, hash, encryptedApiKey, name, limit });
      if (!stored) throw new Error("the right to create the key was lost meanwhile");
      return encryptedApiKey;
    } catch (error) {
      if (created) orphanPossible = !await deleted(did, created.hash);
      else if (wasRefused(error)) orphanPossible = attempt.orphansSince !== null;
      await store.releaseProvisioning(did, attemptId, orphanPossible).catch(() => {
        // The lease expires by itself; the failure that brought us here is the one to report.
      });
      // Postgres that is away is told as that, and when to come back.
      if (error instanceof GatewayError) throw error;
      throw provisioningFailed(
        "an OpenRouter key for this DID could not be created; try again",
        error,
      );
    }
  }

  /** Saves a key; asks again when Postgres did not answer, because it may have saved it all the same. */
  async function save(key: ProvisionedKey): Promise<boolean> {
    for (const delayMs of SAVE_RETRY_DELAYS_MS) {
      try {
        return await store.completeProvisioning(key);
      } catch {
        await sleep(delayMs);
      }
    }
    return await store.completeProvisioning(key);
  }

  /** Deletes the key that is to be replaced, and those that unfinished attempts have left. */
  async function deleteForerunners({ did, brokenKeyHash, orphansSince }: Attempt): Promise<void> {
    if (brokenKeyHash !== null) await management.deleteKey(brokenKeyHash);
    if (orphansSince === null) return;
    const prefix = keyNamePrefix(did);
    const orphans: string[] = [];
    for await (const key of management.listKeys()) {
      if (Date.parse(key.created_at) < orphansSince.getTime() - CLOCK_MARGIN_MS) break;
      if (key.name.startsWith(prefix)) orphans.push(key.hash);
    }
    for (const hash of orphans) {
      await management.deleteKey(hash);
      log({ level: "warn", event: "orphan_key_deleted", did, key_hash: hash });
    }
  }

  /** Whether the key that could not be guarded or saved is gone from OpenRouter again. */
  async function deleted(did: string, hash: string): Promise<boolean> {
    try {
      await management.deleteKey(hash);
      return true;
    } catch (error) {
      const cause = error instanceof Error ? error.message : "unknown";
      log({ level: "error", event: "orphan_key_left", did, key_hash: hash, cause });
      return false;
    }
  }

  return provision;
}

/** Whether OpenRouter refused to create: then no key was made. A 408 only says that it took long. */
function wasRefused(error: unknown): boolean {
  return error instanceof ManagementError && error.status !== null && error.status < 500 &&
    error.status !== 408;
}

/** What a client is told when OpenRouter's management API failed, with its Retry-After. */
export function provisioningFailed(message: string, cause: unknown): GatewayError {
  const retryAfter = cause instanceof ManagementError ? cause.retryAfter : null;
  const headers = retryAfter === null ? {} : { "retry-after": retryAfter };
  return new GatewayError("provisioning_failed", message, { headers, cause });
}
