/**
 * Identity files: JSON of a DID and its private key, readable by their owner alone.
 */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import process from "node:process";
import type { Identity } from "../client/identity.ts";
import {
  createIdentityRecord,
  identityOf,
  type IdentityRecord,
  type NewIdentity,
} from "../client/identity_record.ts";
import { shellQuoted } from "../shell_quoted.ts";
import { IdentityError } from "./identity_error.ts";
import { checkedJwk } from "./private_key.ts";

/** Where an identity is unless something else is said. */
export const DEFAULT_FILE = "identity.did.json";

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
  force = false,
): Promise<void> {
  if (!DID.test(did)) throw new IdentityError(`${did} is no DID`);
  const text = `${JSON.stringify({ did, privateKeyJwk }, null, 2)}\n`;
  // Made beside it and then given its name: nobody reads half of a file, and one that is replaced
  // does not leave its mode to the next.
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(draft, text, { flag: "wx", mode: 0o600 });
    if (force) await rename(draft, file);
    else await linkOrWrite(draft, file, text);
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      throw new IdentityError(
        `${file} exists; its key would be lost (--force replaces it)`,
        "EXISTS",
      );
    }
    throw new IdentityError(`cannot write ${file}: ${reason(error)}`);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Fails where the file is there. Some file systems have no links. */
async function linkOrWrite(draft: string, file: string, text: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw error;
    await writeFile(file, text, { flag: "wx", mode: 0o600 });
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
  let mode: number;
  try {
    text = await readFile(file, "utf8");
    ({ mode } = await stat(file));
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      const where = file === DEFAULT_FILE ? "" : ` --file ${shellQuoted(file)}`;
      throw new IdentityError(`no identity in ${file}; make one with: did new${where}`, "MISSING");
    }
    throw new IdentityError(`cannot read ${file}: ${reason(error)}`);
  }
  // Windows has no such bits.
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    warn(
      `warning: others can read the private key in ${file}; run: chmod 600 ${shellQuoted(file)}`,
    );
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

/**
 * The identity of a file, ready to sign.
 *
 * @param warn is told when others on the machine can read the file; `console.warn` unless given
 * @throws {IdentityError} when there is no such file, or it holds no identity
 * @throws {TypeError} when the DID in it is of another key
 */
export async function loadIdentity(
  file: string,
  warn: (line: string) => void = console.warn,
): Promise<Identity> {
  return await identityOf(await loadIdentityRecord(file, warn));
}

/**
 * {@linkcode loadIdentity}, which makes and saves a new identity where the file is not there yet.
 *
 * @throws {IdentityError} when the file cannot be read or written, or holds no identity
 * @throws {TypeError} when the DID in it is of another key
 */
export async function openIdentity(file: string, created: NewIdentity = {}): Promise<Identity> {
  try {
    return await loadIdentity(file);
  } catch (error) {
    if (!(error instanceof IdentityError && error.code === "MISSING")) throw error;
  }
  try {
    await saveIdentity(file, await createIdentityRecord(created));
  } catch (error) {
    // Another process was quicker: its identity is the one.
    if (!(error instanceof IdentityError && error.code === "EXISTS")) throw error;
  }
  return await loadIdentity(file);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
