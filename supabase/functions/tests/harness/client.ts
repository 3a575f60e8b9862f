/** What callers do: have an identity, sign, send. */
import {
  createIdentity,
  type Identity,
  signRequest,
  type WebCryptoIdentity,
} from "../../../../scripts/client/llm_gateway.ts";

export type { Identity };

/** What every gateway of the tests takes for its audience, wherever it listens. */
export const AUDIENCE = "https://tests.example/functions/v1/openrouter-proxy";

export const CHAT = "/api/v1/openrouter/chat/completions";

/** An identity that no other test knows. */
export async function newIdentity(): Promise<WebCryptoIdentity> {
  return await createIdentity();
}

/** A chat whose last message has these words: the simulator says them back, a token each. */
export function chat(words: string, members: Record<string, unknown> = {}): string {
  return JSON.stringify({
    model: "openai/gpt-4o-mini",
    messages: [{ role: "user", content: words }],
    ...members,
  });
}

/** The headers of a request by that identity, signed now. */
export async function signed(
  identity: Identity,
  method: string,
  path: string,
  body: string | Uint8Array<ArrayBuffer> = "",
): Promise<Record<string, string>> {
  return await signRequest(identity, { audience: AUDIENCE, method, path, body });
}

export interface CallOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Sends a signed request; a body is sent as JSON. */
export async function call(
  gateway: { url: string },
  identity: Identity,
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  { headers = {}, signal }: CallOptions = {},
): Promise<Response> {
  return await fetch(gateway.url + path, {
    method,
    headers: {
      // Deno 2.1.4 compresses what it serves to whoever takes that.
      "accept-encoding": "identity",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
      ...await signed(identity, method, path, body),
    },
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  });
}
