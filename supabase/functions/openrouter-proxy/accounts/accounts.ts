/**
 * A DID's account: leave to spend, and the OpenRouter key to spend with.
 */
import { GatewayError } from "../errors.ts";
import { type Management, ManagementError } from "../openrouter/management.ts";
import type { AccountKey, Admission, AdmissionRequest, KeyLimit, Store } from "../store.ts";
import type { KeyVault } from "./key_vault.ts";
import {
  accessDenied,
  createProvisioner,
  type ProvisionerDeps,
  provisioningFailed,
} from "./provision.ts";

export type Admitted = Extract<Admission, { decision: "admitted" }>;

export interface Accounts {
  /**
   * Admits a request in one round trip, after creating the DID's key where the request may cost and
   * there is none yet.
   *
   * @throws {GatewayError} access_denied, invalid_token, feature_not_allowed, not_found,
   *   duplicate_request, replayed_request, store_unavailable, provisioning_failed,
   *   provisioning_in_progress
   */
  admit(request: AdmissionRequest): Promise<Admitted>;
  /**
   * The DID's plaintext key, with the credit limit that the operator has set.
   *
   * @throws {GatewayError} provisioning_failed when OpenRouter does not take a changed limit,
   *   store_unavailable
   * @throws {VaultError}
   */
  openKey(did: string, key: AccountKey): Promise<string>;
  /**
   * Another plaintext key for a DID whose own was refused; null when OpenRouter has it and
   * refused it all the same, because replacing keys at every whim of it would lift their limits.
   *
   * @throws {GatewayError} access_denied, provisioning_failed, provisioning_in_progress
   */
  replaceKey(did: string, key: AccountKey): Promise<string | null>;
}

/** Accounts over a store, OpenRouter's management API, and the vault that their keys are sealed in. */
export function createAccounts(
  deps: Omit<ProvisionerDeps, "store" | "management" | "vault"> & {
    store: Store;
    management: Management;
    vault: KeyVault;
  },
): Accounts {
  const { store, management, vault } = deps;
  const provision = createProvisioner(deps);

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

  return {
    async admit(request) {
      let admission = await store.admit(request);
      if (admission.decision === "needs_provisioning") {
        await provision(request.did, null);
        admission = await store.admit(request);
      }
      if (admission.decision === "admitted") return admission;
      throw refusal(admission, request);
    },

    async openKey(did, { encryptedApiKey, hash, newLimit }) {
      if (newLimit !== null && await takesLimit(hash, newLimit)) {
        await store.recordKeyLimit(did, hash, newLimit);
      }
      return await vault.open(did, encryptedApiKey);
    },

    async replaceKey(did, { hash }) {
      try {
        if (await management.isAlive(hash)) return null;
      } catch (cause) {
        throw provisioningFailed("OpenRouter refused the DID's key; try again", cause);
      }
      return await vault.open(did, await provision(did, hash));
    },
  };
}

/** What reaches the same end without what others have. */
const INSTEAD_OF: Record<string, string> = {
  container: ', or let one be made anew: {"type":"auto"} (leave out code_interpreter_call items)',
  file: ", or put the file into it: as data, or by a URL",
  preset: ", and name a model",
  vector_store: ", or put the texts into it",
};

function refusal(
  admission: Exclude<Admission, Admitted>,
  { sharedFeatures }: AdmissionRequest,
): GatewayError {
  switch (admission.decision) {
    case "access_denied":
      return accessDenied();
    case "token_revoked":
      return tokenRevoked();
    case "feature_not_allowed": {
      const { feature } = admission;
      const asked = sharedFeatures.find((asked) => asked.feature === feature);
      return new GatewayError(
        "feature_not_allowed",
        `${feature} reaches what the DIDs of this gateway share, and its operator has not opened it: ` +
          `send the request without it${INSTEAD_OF[feature] ?? ""}`,
        { details: { param: asked?.param } },
      );
    }
    case "not_owned":
      return new GatewayError(
        "not_found",
        "your log holds no generation or job with this id (exactly one is needed)",
      );
    case "duplicate":
      return new GatewayError(
        "duplicate_request",
        "a request with this Idempotency-Key, path and body was accepted before",
        // Clients of OpenAI and Anthropic take a 409 for one that is worth another try.
        {
          details: { duplicate_of: admission.duplicateOf },
          headers: { "x-should-retry": "false" },
        },
      );
    case "replayed":
      return new GatewayError(
        "replayed_request",
        "this signed message was accepted before: sign each request anew, with a fresh x-did-nonce",
      );
    case "needs_provisioning":
      return new GatewayError(
        "provisioning_in_progress",
        "this DID's account was removed while the request was served; try again",
        { headers: { "retry-after": "1" } },
      );
  }
}

/** The refusal of a token that was issued before did_policies.tokens_valid_after. */
export function tokenRevoked(): GatewayError {
  return new GatewayError("invalid_token", "this token has been revoked: make a new one");
}
