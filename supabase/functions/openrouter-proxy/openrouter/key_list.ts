/**
 * All keys at OpenRouter, page by page, while others make and delete some.
 *
 * Source: docs/openrouter.md, "Keys".
 */
import { usdOfCredits } from "../bytes/usd.ts";
import { type ManagementCall, ManagementError } from "./management_call.ts";

/** A key as `GET /keys` shows it. */
export interface ListedKey {
  hash: string;
  name: string;
  disabled: boolean;
  created_at: string;
  /** RFC 3339; null, or not there: never. */
  expires_at?: string | null;
  /** USD, the decimal as it was written; null: no limit. */
  limit: string | null;
  limit_reset: string | null;
}

const PAGE_SIZE = 100;
/**
 * How far pages overlap. A key that is deleted moves the later ones a place up, past an offset that
 * was already read.
 */
const PAGE_OVERLAP = 10;
const MAX_LISTINGS = 5;
const LIMITS: ReadonlySet<string> = new Set(["limit"]);

/**
 * All keys of the workspace, newest first, disabled ones included, each once; none that is there from
 * the first page to the last is missed, whatever is made or deleted meanwhile.
 *
 * @param workspaceId null: the account's default workspace
 * @param usdPerCredit OpenRouter counts limits in credits
 * @throws {ManagementError}
 */
export async function* listKeys(
  manage: ManagementCall,
  workspaceId: string | null,
  usdPerCredit: string,
): AsyncGenerator<ListedKey> {
  const seen = new Set<string>();
  for (let listing = 1; listing <= MAX_LISTINGS; listing++) {
    let newest: string | undefined;
    for (let offset = 0;; offset += PAGE_SIZE - PAGE_OVERLAP) {
      const page = await pageAt(offset, manage, workspaceId);
      // More were deleted than pages overlap: there may be a gap before this one.
      if (offset > 0 && page.every(({ hash }) => !seen.has(hash))) break;
      // As many were made as a page moves on, or pages do not move on, and have no end.
      if (offset > 0 && page[0]?.hash === newest) break;
      newest ??= page[0]?.hash;
      const unseen = page.filter(({ hash }) => !seen.has(hash) && seen.add(hash));
      yield* unseen.map((key) => ({
        ...key,
        limit: key.limit && usdOfCredits(key.limit, usdPerCredit),
      }));
      if (page.length < PAGE_SIZE) return;
    }
  }
  throw new ManagementError("OpenRouter's keys change faster than they are listed", null);
}

/** As OpenRouter has them: limits are in credits. */
async function pageAt(
  offset: number,
  manage: ManagementCall,
  workspaceId: string | null,
): Promise<ListedKey[]> {
  const workspace = workspaceId === null ? "" : `&workspace_id=${encodeURIComponent(workspaceId)}`;
  const query = `offset=${offset}&include_disabled=true${workspace}`;
  const options = { route: "/keys", exact: LIMITS };
  const page = await manage("GET", `/keys?${query}`, options) as { data?: ListedKey[] } | null;
  // A key that somebody made by hand may have no name.
  if (Array.isArray(page?.data)) return page.data.map((key) => ({ ...key, name: key.name ?? "" }));
  throw new ManagementError("OpenRouter's answer to GET /keys lacks the list", null);
}
