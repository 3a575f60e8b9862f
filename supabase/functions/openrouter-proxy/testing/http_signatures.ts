/** Requests signed by RFC 9421, with a signature base that is written a second time. */
import { base64 } from "@scure/base";
import { type Bytes, sha256, utf8 } from "../bytes/encodings.ts";
import { AUDIENCE, NOW, type SignedParts, type Signer } from "./signers.ts";

export interface HttpSignatureParts {
  method: string;
  path: string;
  body: string;
  /** Fields beside Content-Digest, which is there when a body is. */
  headers: Record<string, string>;
  /** Identifiers as they stand in the list, with what they stand for. */
  covered: Record<string, string>;
  /** What follows the list: `;created=1;keyid="did:…"`. */
  parameters: string;
}

/** A request that covers what it must, with these changes. */
export async function httpSignatureParts(
  signer: Signer,
  changes: Partial<HttpSignatureParts> = {},
): Promise<HttpSignatureParts> {
  const method = changes.method ?? "POST";
  const path = changes.path ?? "/api/v1/openrouter/chat/completions?x=1";
  const body = changes.body ?? '{"model":"m"}';
  const covered: Record<string, string> = { "@method": method, "@target-uri": AUDIENCE + path };
  const headers: Record<string, string> = {};
  if (body !== "") {
    headers["content-digest"] = covered["content-digest"] = await contentDigest(body);
  }
  return {
    method,
    path,
    body,
    covered: Object.fromEntries(
      Object.entries(covered).map(([name, value]) => [`"${name}"`, value]),
    ),
    parameters: `;created=${NOW};keyid="${signer.did}"`,
    ...changes,
    headers: { ...headers, ...changes.headers },
  };
}

export async function contentDigest(body: string): Promise<string> {
  return `sha-256=:${base64.encode(await sha256(utf8(body)))}:`;
}

/** Section 2.5. */
export function baseOf({ covered, parameters }: HttpSignatureParts): Bytes {
  const lines = Object.entries(covered).map(([identifier, value]) => `${identifier}: ${value}`);
  return utf8([...lines, `"@signature-params": ${inputOf(covered, parameters)}`].join("\n"));
}

function inputOf(covered: Record<string, string>, parameters: string): string {
  return `(${Object.keys(covered).join(" ")})${parameters}`;
}

/** A request of these parts, whether or not the signature matches them. */
export function httpSignedRequestOf(
  { method, path, body, headers, covered, parameters }: HttpSignatureParts,
  signature: Uint8Array,
): SignedParts {
  return {
    method,
    pathAndQuery: path,
    body: utf8(body),
    headers: new Headers({
      "signature-input": `sig1=${inputOf(covered, parameters)}`,
      "signature": `sig1=:${base64.encode(signature)}:`,
      ...headers,
    }),
  };
}

/** A correctly signed request, unless the changes are what makes it incorrect. */
export async function httpSignedRequest(
  signer: Signer,
  changes: Partial<HttpSignatureParts> = {},
): Promise<SignedParts> {
  const parts = await httpSignatureParts(signer, changes);
  return httpSignedRequestOf(parts, await signer.sign(baseOf(parts)));
}
