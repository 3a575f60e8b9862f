/** Where the function is mounted: hosted `/openrouter-proxy`, local `/functions/v1/openrouter-proxy`. */
const FUNCTION_PREFIX = /^[^?]*?\/openrouter-proxy(?=[/?]|$)/;

/** What follows the function's name in a URL, query included: `/api/v1/usage?group_by=day`. */
export function pathAndQueryOf(url: string): string {
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const match = FUNCTION_PREFIX.exec(target);
  if (!match || !/^(?:\/functions\/v1)?\/openrouter-proxy$/.test(match[0])) return target;
  const path = target.slice(match[0].length);
  return path.startsWith("/") ? path : `/${path}`;
}
