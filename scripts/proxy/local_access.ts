/**
 * Who may use the proxy: programs of this machine, and no web page. A page that a person has open
 * reaches loopback as well as any program does; what it cannot change are the headers that the
 * browser itself sends.
 *
 * Source: Fetch, "Origin header"; Fetch Metadata Request Headers (Sec-Fetch-Site).
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** What browsers say of requests that no other site has caused. */
const OWN_SITES = [undefined, "none", "same-origin"];

/**
 * Makes the check of each request's head.
 *
 * @param key what clients must send as their API key; null takes all
 * @returns a function that throws {@linkcode Refusal} access_denied, missing_credentials,
 * method_not_allowed or websocket_unsupported
 */
export function createAccessCheck(
  key: string | null,
): (request: IncomingMessage) => void {
  const expected = key === null ? null : sha256(key);
  return (request) => {
    const { method = "", headers } = request;
    const authorities = ownAuthorities(request.socket.localPort);
    // A name that an attacker's DNS lets point to 127.0.0.1 is in Host, whatever it resolves to.
    if (!authorities.includes((headers.host ?? "").toLowerCase())) {
      throw new Refusal("access_denied", `Host must be ${authorities[0]}`);
    }
    const { origin } = headers;
    if (origin !== undefined && !authorities.some((own) => origin === `http://${own}`)) {
      throw new Refusal("access_denied", "web pages may not use this proxy");
    }
    if (!OWN_SITES.includes(headers["sec-fetch-site"] as string | undefined)) {
      throw new Refusal("access_denied", "other sites may not use this proxy");
    }
    if (method === "OPTIONS") {
      throw new Refusal(
        "access_denied",
        "web pages may not use this proxy: no preflight is granted",
      );
    }
    if (!METHODS.includes(method)) {
      throw new Refusal("method_not_allowed", `${method} is none of ${METHODS.join(", ")}`);
    }
    if (isOtherProtocol(headers.upgrade)) {
      // Codex tries WebSockets first, and turns to HTTP at once when it is told so by 426.
      throw new Refusal("websocket_unsupported", "this proxy speaks HTTP alone");
    }
    if (
      expected !== null && !keysOf(request).some((sent) => timingSafeEqual(sha256(sent), expected))
    ) {
      throw new Refusal("missing_credentials", "send the key that did proxy was started with");
    }
  };
}

/** What Host may say; browsers leave HTTP's own port out. */
function ownAuthorities(port: number | undefined): string[] {
  const authorities = [`127.0.0.1:${port}`, `localhost:${port}`];
  return port === 80 ? [...authorities, "127.0.0.1", "localhost"] : authorities;
}

/** Java's HttpClient offers HTTP/2 with every request, and is content with an answer without it. */
function isOtherProtocol(upgrade: string | undefined): boolean {
  return upgrade !== undefined && upgrade.toLowerCase() !== "h2c";
}

/** The keys of a request, wherever a client puts its key. */
function keysOf({ headers }: IncomingMessage): string[] {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
  return [bearer, headers["x-api-key"], headers["api-key"]]
    .filter((key): key is string => typeof key === "string");
}

/** Of equal length for all texts, so that a comparison tells nothing of them. */
function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
