/**
 * `/guardrails`: what keys may call and spend, set with the management key. A key has one at most.
 *
 * Source: openrouter.md, "Keys".
 */
import { randomUUID } from "node:crypto";
import { type Answer, json } from "./answer.ts";
import { budgetExceeded } from "./budget_error.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { USER_ID } from "./identifiers.ts";
import { amount, expected, isAmount, isPeriod, isText } from "./key_settings.ts";
import type { Key, Ledger } from "./ledger.ts";
import { jsonUsd, usd } from "./money.ts";
import { type Period, periodEnd } from "./spend.ts";
import { workspaceOf } from "./workspaces.ts";

export interface Guardrail {
  id: string;
  name: string;
  workspaceId: string;
  /** The models that may run; null: all. */
  allowedModels: string[] | null;
  /** What each of its keys may spend in the interval, units of 1e-18 USD; null: anything. */
  limit: bigint | null;
  resetInterval: Period | null;
  createdAt: string;
}

/** `POST /guardrails`. */
export function createGuardrail({ body, ledger }: Call): Answer {
  const { name, allowed_models, limit_usd, reset_interval } = body;
  const guardrail: Guardrail = {
    id: randomUUID(),
    name: expected("name", isText, name),
    workspaceId: workspaceOf(body.workspace_id),
    allowedModels: given(allowed_models)
      ? expected("allowed_models", areTexts, allowed_models)
      : null,
    limit: given(limit_usd) ? usd(String(expected("limit_usd", isAmount, limit_usd))) : null,
    resetInterval: given(reset_interval)
      ? expected("reset_interval", isPeriod, reset_interval)
      : null,
    createdAt: new Date().toISOString(),
  };
  ledger.guardrails.set(guardrail.id, guardrail);
  return json({ data: guardrailData(guardrail) }, {}, 201);
}

/** `GET /guardrails?workspace_id=`. */
export function listGuardrails({ query, ledger }: Call): Answer {
  const workspaceId = workspaceOf(query.get("workspace_id"));
  const data = [...ledger.guardrails.values()]
    .filter((guardrail) => guardrail.workspaceId === workspaceId).map(guardrailData);
  return json({ data, total_count: data.length });
}

/** `GET /guardrails/:id`. */
export function readGuardrail({ parameter, ledger }: Call): Answer {
  return json({ data: guardrailData(findGuardrail(parameter, ledger)) });
}

/** `POST /guardrails/:id/assignments/keys`: all of `key_hashes`, or none of them. */
export function assignKeys({ parameter, body, ledger }: Call): Answer {
  const { id } = findGuardrail(parameter, ledger);
  const keys = expected("key_hashes", areTexts, body.key_hashes).map((hash) => {
    const key = ledger.findKey(hash);
    if (key === undefined) throw apiError(400, `API key ${hash} not found`);
    return key;
  });
  for (const key of keys) key.guardrailId = id;
  return json({ assigned_count: keys.length });
}

/** `GET /guardrails/:id/assignments/keys`. */
export function listAssignedKeys({ parameter, ledger }: Call): Answer {
  const { id, createdAt } = findGuardrail(parameter, ledger);
  const data = ledger.keys.filter((key) => key.guardrailId === id && !key.deleted).map((key) => ({
    key_hash: key.hash,
    key_name: key.name,
    key_label: key.label,
    guardrail_id: id,
    assigned_by: USER_ID,
    created_at: createdAt,
  }));
  return json({ data, total_count: data.length });
}

/** Whether the key's guardrail lets the model run; without a guardrail all do. */
export function mayRun(modelId: string, key: Key, ledger: Ledger): boolean {
  return guardrailOf(key, ledger)?.allowedModels?.includes(modelId) ?? true;
}

/** The budget that the key's guardrail gives it, as `GET /key` shows it; null without one. */
export function budgetOf(key: Key, ledger: Ledger): Record<string, unknown> | null {
  const guardrail = guardrailOf(key, ledger);
  if (guardrail === undefined || guardrail.limit === null) return null;
  const { id, limit, resetInterval } = guardrail;
  const spend = spentOf(guardrail, key);
  return {
    scope: "api_key",
    guardrail_id: id,
    budget_id: null,
    include_byok: false,
    limit_usd: jsonUsd(limit),
    spend_usd: jsonUsd(spend),
    remaining_usd: jsonUsd(spend < limit ? limit - spend : 0n),
    reset_interval: resetInterval,
    resets_at: resetInterval === null ? null : periodEnd(resetInterval, Date.now()),
  };
}

/** @throws {ApiError} 403 where the key has spent what its guardrail gives it */
export function checkBudget(key: Key, ledger: Ledger): void {
  const guardrail = guardrailOf(key, ledger);
  if (guardrail === undefined || guardrail.limit === null) return;
  if (spentOf(guardrail, key) >= guardrail.limit) throw budgetExceeded(budgetOf(key, ledger)!);
}

function spentOf({ resetInterval }: Guardrail, { usage }: Key): bigint {
  return resetInterval === null ? usage.total : usage.in(resetInterval, Date.now());
}

function guardrailOf(key: Key, ledger: Ledger): Guardrail | undefined {
  return key.guardrailId === null ? undefined : ledger.guardrails.get(key.guardrailId);
}

function findGuardrail(id: string, ledger: Ledger): Guardrail {
  const guardrail = ledger.guardrails.get(id);
  if (guardrail === undefined) throw apiError(404, "Guardrail not found");
  return guardrail;
}

function guardrailData(guardrail: Guardrail): Record<string, unknown> {
  return {
    id: guardrail.id,
    name: guardrail.name,
    workspace_id: guardrail.workspaceId,
    allowed_models: guardrail.allowedModels,
    limit_usd: amount(guardrail.limit),
    reset_interval: guardrail.resetInterval,
    created_at: guardrail.createdAt,
    updated_at: null,
  };
}

const given = (value: unknown) => value !== undefined && value !== null;
const areTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every(isText);
