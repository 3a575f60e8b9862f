/**
 * Private keys in OpenSSH's own format, of which this command makes nothing: how PEM is made of them.
 *
 * Source: OpenSSH's PROTOCOL.key. The public part, which names the type, is never encrypted.
 */
import { Buffer } from "node:buffer";
import { IdentityError } from "./identity_error.ts";

const MAGIC = "openssh-key-v1\0";
const WANTED = "the key is in OpenSSH's own format, and PEM (PKCS#8) is wanted";

/** Of Ed25519 ssh-keygen writes its own format, whatever it is asked for. */
const CONVERT_ED25519 =
  'python3 -c "import sys; from cryptography.hazmat.primitives.serialization import *; ' +
  "print(load_ssh_private_key(sys.stdin.buffer.read(), None).private_bytes(" +
  'Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())" < FILE | … did import /dev/stdin';

export function isOpensshKey(text: string): boolean {
  return text.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----");
}

/** What to do with a key in OpenSSH's format; it holds nothing of the key but its type. */
export function opensshKeyError(text: string): IdentityError {
  const base64 = text.replaceAll(/-----[A-Z ]+-----|\s/g, "");
  const blob = Buffer.from(base64, "base64").toString("latin1");
  const afterMagic = blob.slice(MAGIC.length);
  const type = /(?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[a-z0-9]+/.exec(afterMagic)?.[0];
  if (type === "ecdsa-sha2-nistp256") {
    return new IdentityError(`${WANTED}: ssh-keygen -p -N "" -m PKCS8 -f COPY-OF-THE-FILE`);
  }
  if (type === "ssh-ed25519") {
    const isOpen = afterMagic.startsWith("\0\0\0\x04none");
    const first = isOpen
      ? ""
      : ' (take the passphrase off a copy first: ssh-keygen -p -N "" -f FILE)';
    return new IdentityError(
      `${WANTED}. Python's package cryptography makes it of Ed25519${first}: ${CONVERT_ED25519}`,
    );
  }
  const told = type ?? "unknown";
  return new IdentityError(
    `the OpenSSH key is of type ${told}; wanted is Ed25519, P-256 or secp256k1, in PEM`,
  );
}
