/**
 * Identities for scripts and tests: make or load one, sign requests and tokens with it.
 */
export {
  createDidToken,
  type Identity,
  type SignedHeaders,
  signRequest,
} from "../client/llm_gateway.ts";
export { didOf, identityOf, type IdentityRecord, type KeyMethod } from "./identity.ts";
export { loadIdentityRecord, saveIdentity } from "./identity_file.ts";
export { IdentityError } from "./identity_error.ts";
export { generateKey, type KeyType, readPrivateKey } from "./private_key.ts";
