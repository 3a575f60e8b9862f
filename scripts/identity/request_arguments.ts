/**
 * What people type as METHOD, PATH, BODY and the gateway's URL → what is signed.
 */
import { readFile } from "node:fs/promises";
import type { CurlBody } from "./curl_command.ts";
import { IdentityError } from "./identity_error.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** @throws {IdentityError} for a method that the gateway does not have */
export function methodArgument(text: string): string {
  const method = text.toUpperCase();
  if (METHODS.includes(method)) return method;
  throw new IdentityError(`METHOD must be one of ${METHODS.join(", ")}, not ${text}`);
}

/**
 * The gateway's URL without a trailing slash, as clients send it.
 *
 * @throws {IdentityError} for anything but an http(s) URL without query and fragment
 */
export function gatewayArgument(text: string): string {
  if (text.includes("@")) {
    throw new IdentityError("the gateway's URL must have no user name or password");
  }
  if (!/^https?:\/\/[^\s?#]+$/i.test(text) || !URL.canParse(text)) {
    throw new IdentityError(`the gateway's URL must be http(s) without query, not ${text}`);
  }
  return new URL(text).href.replace(/\/+$/, "");
}

/**
 * Path and query after the function's name. It is signed as it is sent, so that a client must have
 * nothing left to normalise in it.
 *
 * @throws {IdentityError} saying what to write instead
 */
export function pathArgument(text: string, gateway: string): string {
  if (!text.startsWith("/")) {
    throw new IdentityError(
      `PATH is what follows the function's name, such as /api/v1/usage, not ${text}`,
    );
  }
  if (text.includes("#")) throw new IdentityError("PATH cannot have a fragment (#)");
  const sent = new URL(gateway + text).href;
  if (sent !== gateway + text) {
    const instead = sent.startsWith(`${gateway}/`) ? `: write ${sent.slice(gateway.length)}` : "";
    throw new IdentityError(`PATH is not as clients send it${instead}`);
  }
  return text;
}

/**
 * The body: text, or `@` and the name of a file.
 *
 * @throws {IdentityError} when the file cannot be read, and for a method whose body the gateway sees
 * nothing of
 */
export async function bodyArgument(
  text: string | undefined,
  method: string,
): Promise<CurlBody | null> {
  if (!text) return null;
  if (method === "GET" || method === "HEAD") throw new IdentityError(`${method} has no BODY`);
  if (!text.startsWith("@")) return { bytes: new TextEncoder().encode(text), operand: text };
  const file = text.slice(1);
  try {
    return { bytes: new Uint8Array(await readFile(file)), operand: text };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IdentityError(`cannot read the body from ${file}: ${reason}`);
  }
}
