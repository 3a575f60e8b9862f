/**
 * DID → an OpenRouter key of its own, created exactly once.
 *
 * Postgres leases the right to create (key_provisioning): one claimant over all isolates creates
 * the key, the others wait for it. OpenRouter has no idempotency for `POST /keys`, so the key's name
 * carries the DID, by which an attempt that died is found and its key deleted.
 */
import { GatewayError } from "../errors.ts";
import type { CreatedKey, Management } from "../openrouter/management.ts";
import { ManagementError } from "../openrouter/management.ts";
import type { ProvisionedKey, ProvisioningClaim, Store } from "../store.ts";
import type { KeyVault } from "./key_vault.ts";

/** How long a request waits for another one that is creating the same DID's key. */
const MAX_WAIT_MS = 10_000;
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 1_000;
const SAVE_RETRY_DELAYS_MS = [100, 500];
/** Clocks of OpenRouter and Postgres may differ by this much. */
const CLOCK_MARGIN_MS = 10 * 60_000;

export interface Provisioner {
  /**
   * Resolves once the DID has a key in Postgres, whoever created it.
   *
   * @throws {GatewayError} provisioning_failed, provisioning_in_progress, store_unavailable
   */
  ensureKey(did: string): Promise<void>;
}

export interface ProvisionerDeps {
  store: Pick<Store, "claimProvisioning" | "completeProvisioning" | "releaseProvisioning">;
  management: Management;
  vault: Pick<KeyVault, "seal">;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Reports what an operator should know, without secrets. */
  log: (event: Record<string, unknown>) => void;
}

/** The name of a DID's key at OpenRouter begins with this; no DID contains `#`. */
export function keyNamePrefix(did: string): string {
  return `llm-gateway:${did}#`;
}

export function createProvisioner(deps: ProvisionerDeps): Provisioner {
  const { store, management, vault, now, sleep, log } = deps;
  // The requests of one isolate wait together, so that a new DID's burst costs one claim.
  const underWay = new Map<string, Promise<void>>();

  function ensureKey(did: string): Promise<void> {
    const running = underWay.get(did);
    if (running) return running;
    const started = claimOrWait(did).finally(() => underWay.delete(did));
    underWay.set(did, started);
    return started;
  }

  async function claimOrWait(did: string): Promise<void> {
    const attemptId = crypto.randomUUID();
    const deadline = now() + MAX_WAIT_MS;
    for (let pollMs = FIRST_POLL_MS;; pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS)) {
      const claim = await store.claimProvisioning(did, attemptId);
      if (claim.state === "provisioned") return;
      if (claim.state === "claimed") return await create(did, attemptId, claim);
      if (now() + pollMs > deadline) {
        throw new GatewayError(
          "provisioning_in_progress",
          "this DID's account is still being created; try again",
          {},
          { "retry-after": "2" },
        );
      }
      await sleep(pollMs);
    }
  }

  async function create(
    did: string,
    attemptId: string,
    claim: ProvisioningClaim & { state: "claimed" },
  ): Promise<void> {
    const name = `${keyNamePrefix(did)}${attemptId.slice(0, 8)}`;
    let orphanPossible = claim.orphansSince !== null;
    let created: CreatedKey | null = null;
    try {
      if (claim.orphansSince) await deleteOrphans(did, claim.orphansSince);
      // From here on a failure may leave a key behind: one that was made but not answered, or not saved.
      orphanPossible = true;
      created = await management.createKey({
        name,
        limit: claim.creditLimit,
        limitReset: claim.creditLimitReset,
      });
      const stored = await save({
        did,
        attemptId,
        hash: created.hash,
        encryptedApiKey: await vault.seal(did, created.key),
        name,
        creditLimit: claim.creditLimit,
      });
      if (!stored) throw new Error("the lease expired while the key was being created");
    } catch (error) {
      if (created) orphanPossible = !await deleted(did, created.hash);
      else if (refused(error)) orphanPossible = claim.orphansSince !== null;
      await store.releaseProvisioning(did, attemptId, orphanPossible).catch(() => {
        // The lease expires by itself; the failure that brought us here is the one to report.
      });
      throw provisioningFailed(error);
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

  /** Deletes keys that unfinished attempts for this DID left at OpenRouter. */
  async function deleteOrphans(did: string, since: Date): Promise<void> {
    const prefix = keyNamePrefix(did);
    for await (const key of management.listKeys()) {
      if (Date.parse(key.created_at) < since.getTime() - CLOCK_MARGIN_MS) return;
      if (!key.name.startsWith(prefix)) continue;
      await management.deleteKey(key.hash);
      log({ level: "warn", event: "orphan_key_deleted", did, key_hash: key.hash });
    }
  }

  /** Whether the key that could not be saved is gone from OpenRouter again. */
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

  return { ensureKey };
}

/** Whether OpenRouter refused to create: an answer below 500 means that no key was made. */
function refused(error: unknown): boolean {
  return error instanceof ManagementError && error.status !== null && error.status < 500;
}

function provisioningFailed(error: unknown): GatewayError {
  if (error instanceof GatewayError && error.type !== "store_unavailable") return error;
  const retryAfter = error instanceof ManagementError ? error.retryAfter : null;
  return new GatewayError(
    "provisioning_failed",
    "an OpenRouter key for this DID could not be created; try again",
    {},
    retryAfter === null ? {} : { "retry-after": retryAfter },
    { cause: error },
  );
}
