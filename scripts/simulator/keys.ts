/**
 * `/keys`: what the management key does with ordinary keys.
 *
 * Source: openrouter.md, "Keys".
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { USER_ID } from "./identifiers.ts";
import {
  amount,
  expected,
  isAmount,
  isBoolean,
  isPeriod,
  isText,
  isWholeInstant,
} from "./key_settings.ts";
import type { Key, KeySettings, Ledger } from "./ledger.ts";
import { jsonUsd, usd } from "./money.ts";
import { PERIODS, type Spend } from "./spend.ts";
import { workspaceOf } from "./workspaces.ts";

const PAGE = 100;

/** `POST /keys`: the plaintext is in this answer alone. */
export function createKey({ body, ledger }: Call): Answer {
  const settings = readSettings(body);
  const { name } = settings;
  if (name === undefined) throw apiError(400, "name is required");
  const { key, plaintext } = ledger.createKey({
    ...settings,
    name,
    workspaceId: workspaceOf(body.workspace_id),
    externalUser: externalUser(body.external),
    creatorUserId: expected("creator_user_id", isText, body.creator_user_id ?? USER_ID),
  });
  return json({ data: keyData(key, ledger), key: plaintext }, {}, 201);
}

/** `GET /keys?offset=&include_disabled=&workspace_id=`: a page of 100 of one workspace, newest first. */
export function listKeys({ query, ledger }: Call): Answer {
  const offset = Number(query.get("offset") ?? 0);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw apiError(400, "offset must be a whole number");
  }
  const withDisabled = query.get("include_disabled") === "true";
  const workspaceId = workspaceOf(query.get("workspace_id"));
  const listed = ledger.keys.filter((key) =>
    key.workspaceId === workspaceId && !key.deleted && (withDisabled || !key.disabled)
  );
  const page = listed.reverse().slice(offset, offset + PAGE);
  return json({ data: page.map((key) => keyData(key, ledger)) });
}

/** `GET /keys/:hash`. */
export function readKey({ parameter, ledger }: Call): Answer {
  return json({ data: keyData(findKey(parameter, ledger), ledger) });
}

/** `PATCH /keys/:hash`. */
export function updateKey({ parameter, body, ledger }: Call): Answer {
  const key = findKey(parameter, ledger);
  Object.assign(key, readSettings(body), { updatedAt: new Date().toISOString() });
  return json({ data: keyData(key, ledger) });
}

/** `DELETE /keys/:hash`. */
export function deleteKey({ parameter, ledger }: Call): Answer {
  findKey(parameter, ledger).deleted = true;
  return json({ deleted: true });
}

function findKey(hash: string, ledger: Ledger): Key {
  const key = ledger.findKey(hash);
  if (key === undefined) throw apiError(404, "API key not found");
  return key;
}

/** The `user` of the member `external` {user, api_key}. */
function externalUser(external: unknown): string | null {
  if (external === undefined || external === null) return null;
  const { user } = Object(external) as Record<string, unknown>;
  return user === undefined ? null : expected("external.user", isText, user);
}

/** Reads the members that are there; each must have its type. */
function readSettings(body: Record<string, unknown>): KeySettings {
  const settings: KeySettings = {};
  const { name, disabled, limit, limit_reset, include_byok_in_limit, expires_at } = body;
  if (name !== undefined) settings.name = expected("name", isText, name);
  if (disabled !== undefined) settings.disabled = expected("disabled", isBoolean, disabled);
  if (include_byok_in_limit !== undefined) {
    settings.includeByokInLimit = expected(
      "include_byok_in_limit",
      isBoolean,
      include_byok_in_limit,
    );
  }
  if (limit === null) settings.limit = null;
  else if (limit !== undefined) settings.limit = usd(String(expected("limit", isAmount, limit)));
  if (limit_reset === null) settings.limitReset = null;
  else if (limit_reset !== undefined) {
    settings.limitReset = expected("limit_reset", isPeriod, limit_reset);
  }
  if (expires_at === null) settings.expiresAt = null;
  else if (expires_at !== undefined) {
    settings.expiresAt = expected("expires_at", isWholeInstant, expires_at);
  }
  return settings;
}

/** What is left of the key's limit, for JSON; null without a limit. */
export function remaining(key: Key, ledger: Ledger): unknown {
  if (key.limit === null) return null;
  const left = key.limit - ledger.spentOfLimit(key);
  return jsonUsd(left > 0n ? left : 0n);
}

/** `usage`, `usage_daily`, `usage_weekly`, `usage_monthly`; or the same of `byok_usage`. */
export function spent(member: "usage" | "byok_usage", spend: Spend): Record<string, unknown> {
  const now = Date.now();
  const periods = PERIODS.map((period) => [`${member}_${period}`, jsonUsd(spend.in(period, now))]);
  return { [member]: jsonUsd(spend.total), ...Object.fromEntries(periods) };
}

function keyData(key: Key, ledger: Ledger): Record<string, unknown> {
  return {
    hash: key.hash,
    name: key.name,
    label: key.label,
    disabled: key.disabled,
    limit: amount(key.limit),
    limit_remaining: remaining(key, ledger),
    limit_reset: key.limitReset,
    include_byok_in_limit: key.includeByokInLimit,
    ...spent("usage", key.usage),
    ...spent("byok_usage", key.byokUsage),
    created_at: key.createdAt,
    updated_at: key.updatedAt,
    expires_at: key.expiresAt,
    creator_user_id: key.creatorUserId,
    external_user: key.externalUser,
    workspace_id: key.workspaceId,
  };
}
