/**
 * Identity files and private keys, where there are files: Node and Deno. The rest of the package
 * needs the Web platform alone.
 *
 * ```ts
 * const identity = await openIdentity("identity.did.json");
 * ```
 */
export { IdentityError } from "../identity/identity_error.ts";
export { loadIdentity, openIdentity, saveIdentity } from "../identity/identity_file.ts";
export { readPrivateKey } from "../identity/private_key.ts";
