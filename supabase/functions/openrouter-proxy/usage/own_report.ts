/** What the routes have in common that tell callers of their own account. */
import type { Context } from "hono";
import { TokenRevoked } from "../accounts/refusals.ts";
import type { Identify } from "../call/identify.ts";
import { queryOf } from "../http/query_parameters.ts";
import type { Handler, RequestEnv } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";

export type UpToDate = (did: string) => Promise<unknown>;

/**
 * Makes the handler of such a route.
 *
 * @param upToDate waits for a DID's calls that have ended here and are not in the books yet
 * @param parameters the names of those that its query may have
 * @param report resolves to the member `data` of the answer, as JSON text
 */
export function createOwnReport(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked">,
  upToDate: UpToDate,
  parameters: readonly string[],
  report: (did: string, query: URLSearchParams, c: Context<RequestEnv>) => Promise<string>,
): Handler {
  return async (c) => {
    using identified = await (await identify(c)).receive();
    const { did, tokenIssuedAt } = identified.identity;
    const query = queryOf(c.req.raw.url, parameters);
    identified.countRead();
    await upToDate(did);
    const isRevoked = tokenIssuedAt !== null && store.tokenIsRevoked(did, tokenIssuedAt);
    const reported = report(did, query, c);
    // Whoever may not have the report is not told why there is none either.
    reported.catch(() => {});
    if (await isRevoked) throw new TokenRevoked();
    return c.body(`{"success":true,"data":${await reported}}`, 200, {
      "content-type": "application/json",
    });
  };
}
