/**
 * The webhook that alerts go to. Its URL is a secret: of it, the host alone is ever told.
 *
 * Source: docs/protocol.md, "Alerts".
 */
import { hex } from "@scure/base";
import { type Bytes, utf8 } from "../../bytes/encodings.ts";

export interface WebhookOptions {
  /** An http(s) URL. */
  url: string;
  /** Signs the bodies; null: they are not signed. */
  secret: string | null;
  fetch: typeof globalThis.fetch;
}

/** Posts a body, once. @returns null when the webhook has taken it, and otherwise why not, in words */
export type PostAlert = (body: string) => Promise<string | null>;

const TIMEOUT_S = 10;

export function createWebhook({ url, secret, fetch }: WebhookOptions): PostAlert {
  const { host } = new URL(url);
  const key = secret === null ? null : crypto.subtle.importKey(
    "raw",
    utf8(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );

  async function signatureOf(body: Bytes): Promise<Record<string, string>> {
    if (key === null) return {};
    const mac = await crypto.subtle.sign("HMAC", await key, body);
    return { "x-signature-256": `sha256=${hex.encode(new Uint8Array(mac))}` };
  }

  return async (text) => {
    const body = utf8(text);
    try {
      const { ok, status, body: answer } = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...await signatureOf(body) },
        // Not as bytes, which http/send_once.ts would send in chunks, as some webhooks take none.
        body: new Blob([body]),
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_S * 1000),
      });
      await answer?.cancel();
      return ok ? null : `${host} answered with status ${status}`;
    } catch (error) {
      // fetch's messages quote the whole URL.
      const { name } = error as Error;
      return name === "TimeoutError"
        ? `${host} did not answer within ${TIMEOUT_S} s`
        : `${host} could not be reached (${name})`;
    }
  };
}
