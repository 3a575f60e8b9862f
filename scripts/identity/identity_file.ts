/**
 * Identity files: JSON of a DID and its private key, readable by their owner alone.
 */
import { IdentityError } from "./identity_error.ts";
import type { IdentityRecord } from "./identity.ts";
import { checkedJwk } from "./private_key.ts";

const DID = /^did:[a-z0-9]+:[A-Za-z0-9._:%-]{1,500}$/;

/**
 * Writes an identity file with mode 600.
 *
 * @param force replaces the file if there is one; the key in it is lost
 * @throws {IdentityError} when the file exists and `force` is false, or cannot be written
 */
export async function saveIdentity(
  file: string,
  { did, privateKeyJwk }: IdentityRecord,
  force: boolean,
): Promise<void> {
  const text = `${JSON.stringify({ did, privateKeyJwk }, null, 2)}\n`;
  // A replaced file would keep its mode, so the new one is made beside it and moved over it.
  const target = force ? `${file}.${crypto.randomUUID()}.tmp` : file;
  try {
    await Deno.writeTextFile(target, text, { createNew: true, mode: 0o600 });
    if (force) await Deno.rename(target, file);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new IdentityError(`${file} exists; its key would be lost (--force replaces it)`);
    }
    throw new IdentityError(`cannot write ${file}: ${reason(error)}`);
  }
}

/**
 * Reads an identity file.
 *
 * @param warn is told when others on the machine can read the file
 * @throws {IdentityError} when there is no such file, or it holds no identity
 */
export async function loadIdentityRecord(
  file: string,
  warn: (line: string) => void,
): Promise<IdentityRecord> {
  let text: string;
  let mode: number | null;
  try {
    text = await Deno.readTextFile(file);
    ({ mode } = await Deno.stat(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new IdentityError(`no identity in ${file}; make one with: deno task did new`);
    }
    throw new IdentityError(`cannot read ${file}: ${reason(error)}`);
  }
  // Windows has no such bits and reports null or zeros.
  if (mode !== null && (mode & 0o077) !== 0) {
    warn(`warning: others can read the private key in ${file}; run: chmod 600 ${file}`);
  }
  let record: Partial<Record<keyof IdentityRecord, unknown>>;
  try {
    record = JSON.parse(text) ?? {};
  } catch {
    throw new IdentityError(`${file} is no identity file: not valid JSON`);
  }
  if (typeof record.did !== "string" || !DID.test(record.did)) {
    throw new IdentityError(`${file} is no identity file: it holds no did`);
  }
  return { did: record.did, privateKeyJwk: checkedJwk(record.privateKeyJwk) };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
