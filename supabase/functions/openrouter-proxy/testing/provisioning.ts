/** A provisioner whose Postgres and OpenRouter are a script. */
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import type { ListedKey } from "../openrouter/key_list.ts";
import type { CreatedKey } from "../openrouter/keys.ts";
import type { ProvisionedKey, ProvisioningClaim } from "../store/key_provisioning.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import { createProvisioner } from "../accounts/provision.ts";

export const DID = "did:key:zTest";
export const LIMIT: KeyLimit = { creditLimit: "10.5", creditLimitReset: "monthly" };
export const CLAIMED = {
  state: "claimed",
  limit: LIMIT,
  orphansSince: null,
  isAlerted: false,
} satisfies ProvisioningClaim;
export const PLAINTEXT = "sk-or-v1-plaintext";
const START_MS = Date.parse("2026-11-22T10:00:00Z");

interface Script {
  /** Answers of claimProvisioning, in order; the last one again and again. */
  claims?: (ProvisioningClaim | Error)[];
  /** How long the first of them takes; the others take no time. */
  firstClaimMs?: number;
  /** Answers of completeProvisioning, in order; true after them. */
  saves?: (boolean | Error)[];
  create?: () => Promise<CreatedKey>;
  /** None unless it is given. */
  guardrailId?: string;
  assign?: () => Promise<void>;
  listed?: ListedKey[];
  /** What deleteKey throws, by hash. */
  undeletable?: Record<string, Error>;
  release?: () => Promise<void>;
}

/** A provisioner among fakes that note every call, with a clock that only sleeping and the first claim move. */
export function scripted(script: Script) {
  const calls: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const saved: ProvisionedKey[] = [];
  const attempts: string[] = [];
  let clockMs = START_MS;
  const claims = [...script.claims ?? [CLAIMED]];
  const saves = [...script.saves ?? []];

  function result<T>(value: T | Error): Promise<T> {
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  }

  const provision = createProvisioner({
    store: {
      claimProvisioning(did, attemptId, brokenKeyHash) {
        if (attempts.length === 0) clockMs += script.firstClaimMs ?? 0;
        calls.push(`claim ${did} ${brokenKeyHash}`);
        attempts.push(attemptId);
        return result(claims.length > 1 ? claims.shift()! : claims[0]!);
      },
      completeProvisioning(key) {
        calls.push(`save ${key.hash}`);
        saved.push(key);
        return result(saves.shift() ?? true);
      },
      async releaseProvisioning(did, attemptId, orphanPossible) {
        assert.ok(attempts.includes(attemptId));
        // Later than the end of whoever does not wait for it.
        for (let turns = 0; turns < 10; turns++) await null;
        calls.push(`release ${did} ${orphanPossible ? "orphan possible" : "clean"}`);
        await script.release?.();
      },
    },
    management: {
      createKey(name, limit) {
        calls.push(`create ${name.replace(/#[0-9a-f]{8}$/, "#…")} ${JSON.stringify(limit)}`);
        return script.create?.() ?? Promise.resolve({ hash: "new", key: PLAINTEXT });
      },
      assignGuardrail(guardrailId, hash) {
        calls.push(`guard ${hash} by ${guardrailId}`);
        return script.assign?.() ?? Promise.resolve();
      },
      deleteKey(hash) {
        calls.push(`delete ${hash}`);
        const error = script.undeletable?.[hash];
        return error ? Promise.reject(error) : Promise.resolve();
      },
      async *listKeys() {
        calls.push("list");
        yield* await Promise.resolve(script.listed ?? []);
      },
    },
    vault: { seal: (did, plaintext) => Promise.resolve(`sealed(${did},${plaintext.length})`) },
    guardrailId: script.guardrailId ?? null,
    now: () => clockMs,
    async sleep(ms) {
      // Who does not wait for it goes on at the same moment.
      await null;
      calls.push(`sleep ${ms}`);
      clockMs += ms;
    },
    onAlert: () => calls.push("alert"),
    log: (event) => logged.push(event),
  });
  return { provision, calls, logged, saved, attempts, elapsedMs: () => clockMs - START_MS };
}

export const CREATE = `create llm-gateway:${DID}#… ${JSON.stringify(LIMIT)}`;
export const ENVELOPE = `sealed(${DID},${PLAINTEXT.length})`;

export async function refusalOf(provisioning: Promise<string>): Promise<GatewayError> {
  const error = await provisioning.then(
    () => assert.fail("a key was provisioned"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof GatewayError, String(error));
  assert.ok(!error.message.includes(PLAINTEXT));
  return error;
}

export function listedKey(hash: string, name: string, created_at: string): ListedKey {
  return { hash, name, created_at, disabled: false, limit: null, limit_reset: null };
}
