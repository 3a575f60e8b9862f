/**
 * Signed requests with an Ethereum wallet (MetaMask and the like): the account is the identity.
 *
 * ```ts
 * const fetch = await walletFetch(window.ethereum, {
 *   gatewayUrl: "https://<ref>.supabase.co/functions/v1/openrouter-proxy",
 * });
 * ```
 *
 * A wallet asks its owner about every signature, so this suits single requests, not an SDK's loops.
 * The file stands alone, and builds the signed message by hand to show all of it.
 *
 * Source: protocol.md, "Signed request"; EIP-191 (`personal_sign`), EIP-1193 (the provider).
 */

/** What every browser wallet offers, e.g. as `window.ethereum` (EIP-1193). */
export interface Eip1193Provider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

/** Where the gateway is. */
export interface WalletFetchOptions {
  /** The function's URL: `https://<ref>.supabase.co/functions/v1/openrouter-proxy`. */
  gatewayUrl: string;
  /** The gateway's `GATEWAY_AUDIENCE`, where it is not `gatewayUrl`. */
  audience?: string | undefined;
}

/**
 * Connects to the wallet; gives a `fetch` that has its first account sign what goes to the gateway,
 * as `did:pkh:eip155:1:<address>`.
 *
 * The result rejects with the wallet's error when its owner declines, and with a
 * {@linkcode TypeError} for a URL outside the gateway.
 */
export async function walletFetch(
  provider: Eip1193Provider,
  options: WalletFetchOptions,
): Promise<typeof fetch> {
  const gatewayUrl = new URL(options.gatewayUrl).href.replace(/\/+$/, "");
  const audience = options.audience ?? gatewayUrl;
  const accounts = await provider.request({ method: "eth_requestAccounts" }) as string[];
  const address = accounts[0];
  if (address === undefined) throw new TypeError("the wallet shares no account");
  const did = `did:pkh:eip155:1:${address.toLowerCase()}`;

  return async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    if (!request.url.startsWith(`${gatewayUrl}/`)) {
      throw new TypeError(`not signing a request to ${request.url}: it is outside ${gatewayUrl}`);
    }
    const body = await request.arrayBuffer();
    const timestamp = String(Math.floor(Date.now() / 1000));
    const nonce = crypto.randomUUID();

    const message = [
      "llm-gateway:v1",
      audience,
      did,
      timestamp,
      nonce,
      request.method.toUpperCase(),
      request.url.slice(gatewayUrl.length).replace(/#.*$/, ""),
      hex(new Uint8Array(await crypto.subtle.digest("SHA-256", body))),
    ].join("\n");
    const signature = await provider.request({
      method: "personal_sign",
      params: [`0x${hex(new TextEncoder().encode(message))}`, address],
    }) as string;

    const headers = new Headers(request.headers);
    headers.set("x-did", did);
    headers.set("x-did-timestamp", timestamp);
    headers.set("x-did-nonce", nonce);
    headers.set("x-did-signature", signature);
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    return await fetch(new Request(request, hasBody ? { headers, body } : { headers }));
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
