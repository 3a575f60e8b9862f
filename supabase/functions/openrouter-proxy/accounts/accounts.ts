/**
 * A DID's account: leave to spend, and the OpenRouter key to spend with.
 */
import { isWithin } from "../concurrency/is_within.ts";
import { oneUnderWay } from "../concurrency/one_under_way.ts";
import { GatewayError } from "../errors.ts";
import type { Management } from "../openrouter/management.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { Store } from "../store/store.ts";
import type { AdmissionRequest } from "../store/admission.ts";
import type { AccountKey, Admission, NewLimit } from "../store/admission_decision.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import type { KeyVault } from "./key_vault.ts";
import { createProvisioner, type ProvisionerDeps, provisioningFailed } from "./provision.ts";
import { refusalOf } from "./refusals.ts";

export type Admitted = Extract<Admission, { decision: "admitted" }>;

export interface Accounts {
  /**
   * Admits a request in one round trip, after creating the DID's key where the request may cost and
   * there is none yet.
   *
   * @throws {GatewayError} access_denied, model_not_allowed, feature_not_allowed, invalid_token,
   *   not_found, budget_exceeded, rate_limited, duplicate_request, replayed_request,
   *   store_unavailable, provisioning_failed, provisioning_in_progress
   */
  admit(request: AdmissionRequest): Promise<Admitted>;
  /**
   * The DID's plaintext key, with the credit limit that the operator has set.
   *
   * @throws {GatewayError} provisioning_failed when OpenRouter does not take a changed limit that may
   *   not wait, store_unavailable
   * @throws {VaultError}
   */
  openKey(did: string, key: AccountKey): Promise<string>;
  /**
   * Another plaintext key for a DID whose own was refused; null when OpenRouter has it and
   * refused it all the same, because replacing keys at every whim of it would lift their limits.
   *
   * @throws {GatewayError} access_denied, provisioning_failed, provisioning_in_progress,
   *   store_unavailable
   * @throws {VaultError}
   */
  replaceKey(did: string, key: AccountKey): Promise<string | null>;
}

/** How long OpenRouter is left alone with limits that may wait, once it has not taken one. */
const TELL_AGAIN_MS = 30_000;
/** How long a call waits for OpenRouter to take such a limit; whoever comes meanwhile waits no longer. */
const TELL_WITHIN_MS = 1_000;

/** Accounts over a store, OpenRouter's management API, and the vault that their keys are sealed in. */
export function createAccounts(
  deps: Omit<ProvisionerDeps, "store" | "management" | "vault"> & {
    store: Store;
    management: Management;
    vault: KeyVault;
    /** A DID's calls that have ended and are not in the books yet (books/settling.ts); null: there are none. */
    endedCallsOf: (did: string) => { areSettled(): Promise<unknown> } | null;
  },
): Accounts {
  const { store, management, vault, endedCallsOf, now, sleep, onAlert, log } = deps;
  const provision = createProvisioner(deps);
  // The calls of one isolate that come while a new limit is told, or a key is replaced, wait for that
  // together: a DID's burst is no burst at OpenRouter's management API.
  const tellOnce = oneUnderWay<void>();
  const replaceOnce = oneUnderWay<string | null>();

  /**
   * Whether the key has its new limit at OpenRouter. One that is gone there is replaced when it is
   * used, and its successor has the limit.
   */
  async function takesLimit(keyHash: string, limit: KeyLimit): Promise<boolean> {
    try {
      await management.setLimit(keyHash, limit);
      return true;
    } catch (cause) {
      if (cause instanceof ManagementError && cause.status === 404) return false;
      throw provisioningFailed(
        "the DID's new credit limit could not be set at OpenRouter; try again",
        cause,
      );
    }
  }

  /** When OpenRouter last did not take such a limit, or not in time. */
  let deferredAt = -Infinity;

  /** Tells a limit that may wait: no call fails for it, or waits for long. */
  async function tellLater(did: string, keyHash: string, limit: KeyLimit): Promise<void> {
    if (isWithin(TELL_AGAIN_MS, deferredAt, now())) return;
    const told = tellLimit(did, keyHash, limit).then(() => {
      deferredAt = -Infinity;
    }, (error) => {
      if (!(error instanceof GatewayError && error.cause instanceof ManagementError)) throw error;
      deferredAt = now();
      const cause = error.cause.message;
      log({ level: "warn", event: "key_limit_deferred", did, key_hash: keyHash, cause });
    });
    const isLate = await Promise.race([
      told.then(() => false),
      sleep(TELL_WITHIN_MS).then(() => true),
    ]);
    if (isLate) deferredAt = now();
  }

  function tellLimit(did: string, keyHash: string, limit: KeyLimit): Promise<void> {
    const purpose = `${keyHash} ${limit.creditLimit} ${limit.creditLimitReset}`;
    return tellOnce(purpose, async () => {
      if (await takesLimit(keyHash, limit)) await store.recordKeyLimit(did, keyHash, limit);
    });
  }

  async function openWithLimit(did: string, key: AccountKey, newLimit: NewLimit): Promise<string> {
    const { mayWait, ...limit } = newLimit;
    await (mayWait ? tellLater : tellLimit)(did, key.hash, limit);
    return await vault.open(did, key.encryptedApiKey);
  }

  /** The envelope of another key; null: OpenRouter has this one. */
  async function replace(did: string, keyHash: string): Promise<string | null> {
    try {
      if (await management.isAlive(keyHash, now())) return null;
    } catch (cause) {
      throw provisioningFailed("OpenRouter refused the DID's key; try again", cause);
    }
    return await provision(did, keyHash);
  }

  function heed(admission: Admission): Admission {
    if (admission.decision === "budget_exceeded" && admission.alerted) onAlert();
    return admission;
  }

  return {
    async admit(request) {
      const ended = endedCallsOf(request.did);
      let admission = heed(await store.admit(request));
      if (admission.decision === "needs_provisioning") {
        await provision(request.did, null);
        admission = heed(await store.admit(request));
      }
      if (ended !== null && mayBeChangedByEnds(admission)) {
        await ended.areSettled();
        admission = heed(await store.admit(request));
      }
      if (admission.decision === "admitted") return admission;
      throw refusalOf(admission, request);
    },

    openKey: (did, key) =>
      key.newLimit === null
        ? vault.open(did, key.encryptedApiKey)
        : openWithLimit(did, key, key.newLimit),

    async replaceKey(did, { hash }) {
      const envelope = await replaceOnce(hash, () => replace(did, hash));
      return envelope === null ? null : await vault.open(did, envelope);
    },
  };
}

/** Whether it is refused for what the DID's calls under way hold, and give back or tell when they end. */
function mayBeChangedByEnds(admission: Admission): boolean {
  switch (admission.decision) {
    case "rate_limited":
      return admission.what === "concurrent";
    case "budget_exceeded":
      return admission.reservedUsd !== "0";
    case "duplicate": // an Idempotency-Key, of a call that may be repeated
    case "not_owned": // a generation that is known once its call has ended
      return true;
    default:
      return false;
  }
}
