/** Where the function is mounted: local and hosted. */
const MOUNTS = ["/functions/v1/openrouter-proxy", "/openrouter-proxy"];
/** What stands behind that: nothing, a path, or a query. */
const BEHIND_MOUNT = ["", "/", "?"];

/** What follows the function's name in a URL, query included: `/api/v1/usage?group_by=day`. */
export function pathAndQueryOf(url: string): string {
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  for (const mount of MOUNTS) {
    if (!target.startsWith(mount)) continue;
    if (!BEHIND_MOUNT.includes(target.charAt(mount.length))) return target;
    const path = target.slice(mount.length);
    return path.startsWith("/") ? path : `/${path}`;
  }
  return target;
}
