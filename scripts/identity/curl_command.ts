/**
 * A signed request as a curl command for POSIX shells.
 */
import type { SignedHeaders } from "../client/llm_gateway.ts";
import { shellQuoted } from "../shell_quoted.ts";

/** A request's body and how curl is to be given it. */
export interface CurlBody {
  bytes: Uint8Array<ArrayBuffer>;
  /** `--data-binary`'s operand: the text itself, or `@` and a file's name. */
  operand: string;
}

export interface CurlRequest {
  method: string;
  url: string;
  headers: SignedHeaders;
  body: CurlBody | null;
  /** Prints an answer as it arrives (`curl -N`). */
  stream: boolean;
}

/** The command, ready to paste: an argument per line, all that is not plain in single quotes. */
export function curlCommand({ method, url, headers, body, stream }: CurlRequest): string {
  const options = [["-sS"]];
  if (stream) options.push(["-N"]);
  // A bare `-X HEAD` would wait for a body that never comes.
  if (method === "HEAD") options.push(["--head"]);
  else if (method !== "GET" || body !== null) options.push(["-X", method]);
  // curl would expand braces and brackets, and the signed path would not be the one that is sent.
  if (/[[\]{}]/.test(url)) options.push(["--globoff"]);
  for (const [name, value] of Object.entries(headers)) options.push(["-H", `${name}: ${value}`]);
  if (body !== null) {
    options.push(["-H", `content-type: ${contentType(body.bytes)}`]);
    options.push(["--data-binary", body.operand]);
  }
  options.push([url]);
  return `curl ${options.map((option) => option.map(shellQuoted).join(" ")).join(" \\\n  ")}`;
}

function contentType(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return "application/json";
  } catch {
    return "application/octet-stream";
  }
}
