/**
 * What an app in a browser does with the client code. The test serves this to browsers; it calls the
 * gateway of `?gateway=`, whose audience is `?audience=`, and posts a Report to where it came from.
 */
import {
  createDidToken,
  createIdentity,
  signedFetch,
  type WebCryptoIdentity,
} from "../../../../scripts/client/llm_gateway.ts";
import { askBySdks, type SdkAnswers } from "./sdks.ts";

export interface Report {
  /** Why the page could not go on; null when all of it ran. */
  failure: string | null;
  visits: Visit[];
  /** The DID that SDKs asked with, and what they were answered. */
  sdks: { did: string; answers: SdkAnswers } | null;
}

/** What one identity saw. */
export interface Visit {
  did: string;
  algorithm: string;
  /** Whether the browser gave the private key away. */
  keyWasExported: boolean;
  /** What had arrived of an answer that had not ended. */
  unfinished: string;
  /** An answer that was streamed to its end. */
  content: string;
  /** The headers of that answer which a page of another origin could read. */
  headers: Record<string, string>;
  /** The gateway's refusal of a request without a signature. */
  refusal: { status: number; type: string; requestId: string | null };
}

const parameters = new URL(location.href).searchParams;
const gatewayUrl = parameters.get("gateway") ?? "";
const audience = parameters.get("audience") ?? "";
const chatUrl = `${gatewayUrl}/api/v1/openrouter/chat/completions`;

const report: Report = { failure: null, visits: [], sdks: null };
try {
  const preferred = await createIdentity("ed25519").catch(() => createIdentity("p256"));
  for (const identity of [preferred, await createIdentity("p256")]) {
    const visit: Partial<Visit> = { did: identity.did, algorithm: identity.algorithm };
    report.visits.push(visit as Visit);
    await visitGateway(identity, visit);
  }
  const asker = await createIdentity("p256");
  const token = await createDidToken(asker, { audience });
  const answers = await askBySdks(`${gatewayUrl}/api/v1/openrouter`, token);
  report.sdks = { did: asker.did, answers };
} catch (error) {
  report.failure = String(error);
}
await fetch("/report", { method: "POST", body: JSON.stringify(report) });

async function visitGateway(identity: WebCryptoIdentity, visit: Partial<Visit>): Promise<void> {
  visit.keyWasExported = await crypto.subtle.exportKey("jwk", identity.keyPair.privateKey)
    .then(() => true, () => false);

  // The answer stops after two tokens, so whoever waits for its end sees none of them.
  const leaving = new AbortController();
  const hanging = await ask(identity, "one two three", leaving.signal, "hang:2");
  visit.unfinished = "";
  for await (const token of tokensOf(hanging)) {
    visit.unfinished += token;
    if (visit.unfinished === "one two") break;
  }
  leaving.abort();

  const answer = await ask(identity, "one two three");
  visit.headers = Object.fromEntries(answer.headers);
  visit.content = (await Array.fromAsync(tokensOf(answer))).join("");

  const refused = await fetch(chatUrl, { method: "POST", body: "{}" });
  visit.refusal = {
    status: refused.status,
    type: (await refused.json()).error.type,
    requestId: refused.headers.get("x-request-id"),
  };
}

async function ask(
  identity: WebCryptoIdentity,
  words: string,
  signal: AbortSignal | null = null,
  simulate = "",
): Promise<Response> {
  return await signedFetch(identity, { gatewayUrl, audience })(chatUrl, {
    method: "POST",
    headers: { "content-type": "application/json", "x-openrouter-simulate": simulate },
    body: JSON.stringify({
      model: "openai/gpt-4o-mini",
      messages: [{ role: "user", content: words }],
      stream: true,
    }),
    signal,
  });
}

/** The tokens of a streamed chat, as they arrive. */
async function* tokensOf(response: Response): AsyncGenerator<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const events = (rest + next.value).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      if (!event.startsWith("data: {")) continue;
      const content = JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content;
      if (content) yield content;
    }
  }
}
