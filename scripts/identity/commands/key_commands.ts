/**
 * `did new`, `did import`, `did whoami`: identities and what they are.
 */
import { Command, Option } from "commander";
import { readFile } from "node:fs/promises";
import {
  didOf,
  generateKey,
  identityOf,
  type KeyMethod,
  type KeyType,
  type PrivateJwk,
} from "../../client/identity_record.ts";
import { loadIdentityRecord, saveIdentity } from "../identity_file.ts";
import { IdentityError } from "../identity_error.ts";
import { readPrivateKey } from "../private_key.ts";
import { fileOption, note } from "./options.ts";

interface KeyOptions {
  /** Unless given, what the method needs. */
  type?: KeyType | "pkh";
  method?: KeyMethod;
  did?: string;
  file: string;
  force?: boolean;
}

const DEFAULT_TYPE = "(default: pkh for the method pkh, else ed25519)";

const keyOptions = (typeDescription: string) => [
  new Option("--type <type>", typeDescription)
    .choices(["ed25519", "p256", "secp256k1", "pkh"]),
  new Option("--method <method>", "DID method (default: pkh for the type pkh, else key)")
    .choices(["key", "jwk", "pkh"]),
  new Option("--did <did>", "the DID itself: a did:web whose document lists the key")
    .conflicts("method"),
  fileOption(),
  new Option("--force", "replace the identity file"),
];

export function newCommand(): Command {
  const command = new Command("new")
    .description("make an identity, save its private key, print its DID")
    .action(async (options: KeyOptions) => {
      await saveKey(await generateKey(keyTypeOf(options)), options);
    });
  keyOptions(`key type; pkh is an Ethereum account ${DEFAULT_TYPE}`).forEach((o) =>
    command.addOption(o)
  );
  return command;
}

export function importCommand(): Command {
  const command = new Command("import")
    .description("save an identity of a key that exists, print its DID")
    .argument("<file-or-seed>", "a file (JWK, PEM, seed), or 32 bytes in hex or base64")
    .addHelpText("after", "\nRead a seed from /dev/stdin to keep it out of the shell's history.")
    .action(async (source: string, options: KeyOptions) => {
      await saveKey(await readKey(source, keyTypeOf(options)), options);
    });
  keyOptions(`what a bare seed is the key of; pkh is an Ethereum account ${DEFAULT_TYPE}`)
    .forEach((o) => command.addOption(o));
  return command;
}

export function whoamiCommand(): Command {
  return new Command("whoami")
    .description("print what a DID resolves to at the gateway, as JSON")
    .argument("[DID]", "the identity file's DID unless given")
    .addOption(fileOption())
    .action(async (did: string | undefined, { file }: { file: string }) => {
      // It brings the gateway's own resolver along, which no other command needs.
      const { describeDid } = await import("../describe_did.ts");
      const described = await describeDid(did ?? (await loadIdentityRecord(file, note)).did);
      console.log(JSON.stringify(described, null, 2));
    });
}

function keyTypeOf({ type, method }: KeyOptions): KeyType {
  const wanted = type ?? (method === "pkh" ? "pkh" : "ed25519");
  return wanted === "pkh" ? "secp256k1" : wanted;
}

async function saveKey(
  key: PrivateJwk,
  { type, method = type === "pkh" ? "pkh" : "key", did: given, file, force = false }: KeyOptions,
): Promise<void> {
  if (type === "pkh" && method !== "pkh") {
    throw new IdentityError(`the type pkh goes with the method pkh, not ${method}`);
  }
  const record = { did: given ?? await didOf(key, method), privateKeyJwk: key };
  const { did } = await identityOf(record);
  await saveIdentity(file, record, force);
  note(`saved the private key in ${file}; whoever has it spends as this DID`);
  if (did.startsWith("did:web:")) note(`its document: ${JSON.stringify(webDocument(did, key))}`);
  console.log(did);
}

/** What the host of a did:web serves (DID Core 5.3.1: `authentication`). */
function webDocument(did: string, { d: _, ...publicKeyJwk }: PrivateJwk) {
  const key = { id: `${did}#key-1`, type: "JsonWebKey2020", controller: did, publicKeyJwk };
  return {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
    id: did,
    verificationMethod: [key],
    authentication: [key.id],
  };
}

/** The key in a file, or the argument itself: which may be a secret, so no error repeats it. */
async function readKey(source: string, seedType: KeyType): Promise<PrivateJwk> {
  const text = await fileText(source);
  if (text !== null) return readPrivateKey(text, seedType);
  try {
    return readPrivateKey(source, seedType);
  } catch (error) {
    const { message } = error as Error;
    throw new IdentityError(`there is no such file, and the argument is no key itself: ${message}`);
  }
}

/** Null: there is no such file. */
async function fileText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENAMETOOLONG") return null;
    throw new IdentityError(`cannot read the key file (${code})`);
  }
}
