/**
 * URLs in OpenRouter's answers that lead back to its API: through the gateway, they lead back here.
 *
 * Source: docs/openrouter.md, "Where usage sits, by endpoint" (`polling_url`, `unsigned_urls`).
 */

/**
 * Makes the function from a URL, absolute or a path, to the gateway's for the same; null for one that
 * leads elsewhere.
 *
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param gatewayUrl the gateway's public URL, without a trailing slash
 */
export function createLinks(
  openrouterUrl: string,
  gatewayUrl: string,
): (url: string) => string | null {
  const { origin, pathname } = new URL(openrouterUrl);
  const root = `${pathname.replace(/\/$/, "")}/`;
  return (url) => {
    if (!URL.canParse(url, origin)) return null;
    const target = new URL(url, origin);
    if (target.origin !== origin || !target.pathname.startsWith(root)) return null;
    const below = target.pathname.slice(root.length) + target.search + target.hash;
    return `${gatewayUrl}/api/v1/openrouter/${below}`;
  };
}
