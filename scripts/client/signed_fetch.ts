/** `fetch` that signs what it sends to the gateway. */
import type { Bytes } from "./encodings.ts";
import { signHttpMessage } from "./http_signature.ts";
import type { Identity } from "./identity.ts";
import { type RequestToSign, signRequest } from "./signed_request.ts";

/** Where the gateway is. */
export interface GatewayLocation {
  /** The function's URL: `https://<ref>.supabase.co/functions/v1/openrouter-proxy`. */
  gatewayUrl: string;
  /** The gateway's `GATEWAY_AUDIENCE`, where it is not `gatewayUrl`. */
  audience?: string | undefined;
  /** What sends; the global `fetch` unless given. */
  fetch?: typeof fetch | undefined;
}

/**
 * A `fetch` that signs what it sends to the gateway, anew each time it is called, so that an SDK's
 * retries are signed as well. Bodies of any kind are read into memory first: the signature covers
 * their bytes.
 *
 * The function that comes back throws a {@linkcode TypeError} for a URL outside the gateway, since
 * a signature is nobody else's business.
 */
export function signedFetch(identity: Identity, gateway: GatewayLocation): typeof fetch {
  return fetchWith(gateway, (request) => signRequest(identity, request));
}

/**
 * {@linkcode signedFetch} with the standard's signatures, RFC 9421, in place of the gateway's own.
 *
 * @throws {TypeError} for did:pkh, whose keys sign what is meant for people
 */
export function httpSignatureFetch(identity: Identity, gateway: GatewayLocation): typeof fetch {
  return fetchWith(gateway, (request) => signHttpMessage(identity, request));
}

/** The gateway's URL as requests begin, and what signatures and tokens name as their audience. */
export function locate(
  { gatewayUrl, audience }: Omit<GatewayLocation, "fetch">,
): { gatewayUrl: string; audience: string } {
  const url = new URL(gatewayUrl).href.replace(/\/+$/, "");
  // An environment variable that is set to nothing says nothing, here as at the gateway.
  return { gatewayUrl: url, audience: audience || url };
}

function fetchWith(
  gateway: GatewayLocation,
  sign: (request: RequestToSign & { body: Bytes }) => Promise<Record<string, string>>,
): typeof fetch {
  const { gatewayUrl, audience } = locate(gateway);
  return async (input: RequestInfo | URL, init?: RequestInit) => {
    // Node wants `duplex` with a stream as body, and TypeScript's RequestInit lacks it.
    const complete: RequestInit & { duplex: "half" } = { ...init, duplex: "half" };
    const request = new Request(withoutEmptyQuery(input), complete);
    const url = request.url.replace(/#.*$/, "");
    if (!url.startsWith(`${gatewayUrl}/`)) {
      throw new TypeError(`not signing a request to ${url}: it is outside ${gatewayUrl}`);
    }
    // Before the body is read: with it Bun forgets the content-type that a form or a Blob brought.
    const headers = new Headers(request.headers);
    const body = new Uint8Array(await request.arrayBuffer());
    const { method } = request;
    const signed = await sign({ audience, method, path: url.slice(gatewayUrl.length), body });
    for (const [name, value] of Object.entries(signed)) headers.set(name, value);
    const bodyless = method === "GET" || method === "HEAD";
    const send = gateway.fetch ?? fetch;
    return await send(
      new Request(request, bodyless ? { headers } : { headers, body }),
      { ...besideTheRequest(init), signal: signalOf(input, init) },
    );
  };
}

/** Of a URL that ends in `?`, Node's fetch does not send that, and others do: nobody can sign for both. */
function withoutEmptyQuery(input: RequestInfo | URL): RequestInfo {
  return isRequest(input) ? input : String(input).replace(/^([^?#]*)\?(?=#|$)/, "$1");
}

/** What no Request of Bun's keeps of what its `fetch` takes, such as `proxy` and `tls`. */
function besideTheRequest(init: RequestInit = {}): RequestInit {
  const { method: _method, headers: _headers, body: _body, ...others } = init;
  return others;
}

/**
 * The caller's own: Node forgets the signal of a Request which nobody holds any more, and with it aborts
 * and time-outs. Null where the call has none, or is cut off from that of its Request.
 */
function signalOf(input: RequestInfo | URL, init?: RequestInit): AbortSignal | null {
  if (init?.signal !== undefined) return init.signal;
  return isRequest(input) ? input.signal : null;
}

/** Of whichever `fetch` it is: a program may have more than one. */
function isRequest(input: RequestInfo | URL): input is Request {
  return typeof input === "object" && "url" in input;
}
