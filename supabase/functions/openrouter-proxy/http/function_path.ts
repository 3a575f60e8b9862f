// Both are sticky: testing one from where the other ended says where it ends, and makes nothing.
const ORIGIN = /[a-z][a-z0-9+.-]*:\/\/[^/?]*/iy;
/** Where the function is mounted, hosted and local; behind that stands nothing, a path, or a query. */
const MOUNT = /(?:\/functions\/v1)?\/openrouter-proxy(?![^/?])/y;

/** What follows the function's name in a URL, query included: `/api/v1/usage?group_by=day`. */
export function pathAndQueryOf(url: string): string {
  const target = endOf(ORIGIN, url, 0);
  const end = endOf(MOUNT, url, target);
  const path = url.slice(end);
  return end === target || path.startsWith("/") ? path : `/${path}`;
}

/** Where a pattern ends that begins there; there: it does not. */
function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start;
}
