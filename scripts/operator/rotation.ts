/**
 * Re-encryption of the stored keys with the current encryption key.
 *
 * May run while requests do and keys are replaced: a row is written only if it still holds the
 * envelope that was read. May be interrupted and run again: what is done is not done twice.
 */
import {
  keyIdOf,
  type KeyVault,
} from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { oneLine } from "../command.ts";
import { PLACEHOLDER } from "../seed/statements.ts";
import type { Sql } from "./database.ts";

const BATCH_SIZE = 500;

interface StoredKey {
  id: string;
  did: string;
  encrypted_api_key: string;
}

/** A row that neither key opens. */
export interface UnreadableKey {
  did: string;
  /** The id of the key that sealed it; null when the envelope names none. */
  keyId: string | null;
  reason: string;
}

export interface RotationProgress {
  checked: number;
  rotated: number;
  unreadable: number;
}

/** What the stored keys are sealed with. */
export interface Inventory {
  total: number;
  /** Sealed with the current key. */
  current: number;
  /** Not sealed with it, but the vault opens them. */
  openable: number;
  /** Which the vault does not open. */
  unreadable: UnreadableKey[];
  /** Accounts of a made-up history, behind which there is no key. */
  madeUp: number;
}

/** Looks at every row, and opens those that are not sealed with the current key; writes nothing. */
export async function takeInventory(sql: Sql, vault: KeyVault): Promise<Inventory> {
  const inventory: Inventory = { total: 0, current: 0, openable: 0, unreadable: [], madeUp: 0 };
  for await (const batch of batches(sql)) {
    for (const row of batch) {
      if (row.encrypted_api_key === PLACEHOLDER) {
        inventory.madeUp++;
        continue;
      }
      inventory.total++;
      if (await vault.isCurrent(row.encrypted_api_key)) inventory.current++;
      else {
        const problem = await problemOf(vault, row);
        if (problem === null) inventory.openable++;
        else inventory.unreadable.push(problem);
      }
    }
  }
  return inventory;
}

/** Null: the vault opens it. */
async function problemOf(vault: KeyVault, row: StoredKey): Promise<UnreadableKey | null> {
  try {
    await vault.open(row.did, row.encrypted_api_key);
    return null;
  } catch (error) {
    return { did: row.did, keyId: keyIdOf(row.encrypted_api_key), reason: oneLine(error) };
  }
}

/** Seals every row with the current key. @param onProgress is told after each batch */
export async function rotateKeys(
  sql: Sql,
  vault: KeyVault,
  onProgress: (progress: RotationProgress) => void,
): Promise<{ rotated: number; unreadable: UnreadableKey[] }> {
  const unreadable: UnreadableKey[] = [];
  let checked = 0;
  let rotated = 0;

  /** The row with a new envelope; null when it needs none, or cannot get one. */
  async function resealed(row: StoredKey): Promise<StoredKey & { sealed: string } | null> {
    if (row.encrypted_api_key === PLACEHOLDER) return null;
    if (await vault.isCurrent(row.encrypted_api_key)) return null;
    try {
      const plaintext = await vault.open(row.did, row.encrypted_api_key);
      return { ...row, sealed: await vault.seal(row.did, plaintext) };
    } catch (error) {
      const keyId = keyIdOf(row.encrypted_api_key);
      unreadable.push({ did: row.did, keyId, reason: oneLine(error) });
      return null;
    }
  }

  for await (const batch of batches(sql)) {
    // Rows that change while they are sealed are read again.
    for (let rows: StoredKey[] = batch; rows.length > 0;) {
      const candidates = (await Promise.all(rows.map(resealed))).filter((row) => row !== null);
      const saved = await save(sql, candidates);
      rotated += saved.size;
      const changed = candidates.filter(({ id }) => !saved.has(id)).map(({ id }) => id);
      rows = changed.length === 0 ? [] : await sql<StoredKey[]>`
        select id, did, encrypted_api_key from public.user_api_keys
        where id = any (${changed}::uuid[])`;
    }
    checked += batch.length;
    onProgress({ checked, rotated, unreadable: unreadable.length });
  }
  return { rotated, unreadable };
}

/** Writes new envelopes where the old ones still are; gives the ids of those rows. */
async function save(
  sql: Sql,
  rows: (StoredKey & { sealed: string })[],
): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  const saved = await sql<{ id: string }[]>`
    update public.user_api_keys as account
    set encrypted_api_key = rotated.sealed
    from unnest(
      ${rows.map(({ id }) => id)}::uuid[],
      ${rows.map(({ encrypted_api_key }) => encrypted_api_key)}::text[],
      ${rows.map(({ sealed }) => sealed)}::text[]
    ) as rotated (id, old, sealed)
    where account.id = rotated.id and account.encrypted_api_key = rotated.old
    returning account.id`;
  return new Set(saved.map(({ id }) => id));
}

async function* batches(sql: Sql): AsyncGenerator<StoredKey[]> {
  let after = "00000000-0000-0000-0000-000000000000";
  while (true) {
    const batch = await sql<StoredKey[]>`
      select id, did, encrypted_api_key from public.user_api_keys
      where id > ${after} order by id limit ${BATCH_SIZE}`;
    if (batch.length > 0) yield [...batch];
    if (batch.length < BATCH_SIZE) return;
    after = batch.at(-1)!.id;
  }
}
