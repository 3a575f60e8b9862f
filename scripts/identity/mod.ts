/**
 * Identities for scripts and tests: make or load one, sign requests and tokens with it.
 */
export {
  createDidToken,
  didOf,
  generateKey,
  type Identity,
  identityOf,
  type IdentityRecord,
  type KeyMethod,
  type KeyType,
  type SignedHeaders,
  signRequest,
} from "../client/llm_gateway.ts";
export { openIdentity } from "./identity_file.ts";
export { IdentityError } from "./identity_error.ts";
export { readPrivateKey } from "./private_key.ts";
