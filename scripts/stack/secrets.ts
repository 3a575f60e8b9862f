/** The secrets of one data folder, made once and kept in it. */
import { exportJWK, generateKeyPair } from "jose";
import { dirname } from "node:path";
import { StackError } from "./errors.ts";

export interface StackSecrets {
  /** `sb_publishable_…`: the API's role anon. */
  publishableKey: string;
  /** `sb_secret_…`: the API's role service_role. */
  secretKey: string;
  /** Signs the JWTs that the API accepts, HS256. */
  jwtSecret: string;
  /** Of every login role of the database. */
  databasePassword: string;
  /** For API_KEY_ENCRYPTION_KEY where nobody sets it: 32 random bytes, base64. */
  encryptionKey: string;
  /** For GATEWAY_JWT_KEY: a private ES256 JWK, whose public half the API knows; JSON. */
  jwtKey: string;
}

/**
 * Reads the file, or makes it, readable by its owner alone. What a file of before lacks is added. A
 * file is written under another name and renamed, so that an interrupted attempt leaves nothing to
 * trip over.
 *
 * @throws {StackError} where the file is there and holds no secrets: the one that opens the database is lost
 */
export async function loadOrCreateSecrets(path: string): Promise<StackSecrets> {
  const known = await savedSecrets(path);
  const secrets: StackSecrets = {
    publishableKey: `sb_publishable_${randomHex(16)}`,
    secretKey: `sb_secret_${randomHex(24)}`,
    jwtSecret: randomHex(32),
    databasePassword: randomHex(16),
    encryptionKey: randomBytes(32).toBase64(),
    jwtKey: await newJwtKey(),
    ...known,
  };
  if (Object.keys(secrets).every((name) => name in known)) return secrets;
  const unfinished = `${path}.unfinished`;
  await Deno.writeTextFile(unfinished, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  await Deno.rename(unfinished, path);
  return secrets;
}

async function savedSecrets(path: string): Promise<Partial<StackSecrets>> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return {};
  }
  const secrets = parsed(text);
  if (secrets !== null) return secrets;
  throw new StackError(
    `${path} is damaged: it is not the JSON that was written there; put it back as it was, or delete ` +
      `${dirname(path)}, with the database in it, to begin anew`,
  );
}

function parsed(text: string): Partial<StackSecrets> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** As `supabase gen signing-key --algorithm ES256` makes it. */
async function newJwtKey(): Promise<string> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return JSON.stringify({ ...jwk, kid: crypto.randomUUID(), alg: "ES256", use: "sig" });
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Hex, so that it can stand in URLs and shell commands as it is. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toHex();
}
