/** `GET /api/v1/encryption-keys`, for the operator (docs/protocol.md, "Encryption keys"). */
import type { RequireOperator } from "../http/operator.ts";
import { queryOf } from "../http/query_parameters.ts";
import type { Handler } from "../http/request_log.ts";
import type { KeyVault } from "./key_vault.ts";

/** Makes the handler, which tells the ids of the keys and nothing of the keys. */
export function createEncryptionKeys(
  requireOperator: RequireOperator,
  vault: Pick<KeyVault, "keyIds">,
): Handler {
  return async (c) => {
    await requireOperator(c.req.raw.headers);
    queryOf(c.req.raw.url, []);
    return c.json({ success: true, data: await vault.keyIds() }, 200, {
      "cache-control": "no-store",
    });
  };
}
