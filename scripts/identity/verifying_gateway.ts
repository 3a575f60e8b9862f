/**
 * For tests: an HTTP server that authenticates as the gateway does and answers as OpenRouter does.
 */
import { Buffer } from "node:buffer";
import { createAuthenticator } from "../../supabase/functions/openrouter-proxy/auth/authenticate.ts";
import { errorResponse } from "../../supabase/functions/openrouter-proxy/errors.ts";

export interface ReceivedRequest {
  did: string;
  method: string;
  path: string;
  contentType: string | null;
  body: Buffer<ArrayBuffer>;
}

export interface VerifyingGateway extends AsyncDisposable {
  /** The function's URL, which is the audience as well. */
  url: string;
  /** What was authenticated, in order. */
  received: ReceivedRequest[];
  /** Statuses that the next authenticated requests are answered with, before any 200. */
  failures: number[];
}

const FUNCTION = "/functions/v1/openrouter-proxy";

/** Starts on a free port; a signature that was seen before is refused. */
export function startVerifyingGateway(): VerifyingGateway {
  const received: ReceivedRequest[] = [];
  const failures: number[] = [];
  const seen = new Set<string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  const url = `http://127.0.0.1:${server.addr.port}${FUNCTION}`;
  const authenticate = createAuthenticator({
    audience: url,
    maxTokenLifetimeSeconds: 3600,
    maxWalletSessionSeconds: 86_400,
    didWebHosts: [],
    now: Date.now,
    fetch,
  });

  async function handle(request: Request): Promise<Response> {
    const { method, headers } = request;
    const pathAndQuery = request.url.slice(request.url.indexOf(FUNCTION) + FUNCTION.length);
    const body = new Uint8Array(await request.arrayBuffer());
    try {
      const { did, replay } = await (await authenticate({ method, pathAndQuery, headers }))
        .verify(body);
      if (replay && seen.has(replay.hash)) return new Response("replayed", { status: 401 });
      if (replay) seen.add(replay.hash);
      const contentType = headers.get("content-type");
      received.push({ did, method, path: pathAndQuery, contentType, body: Buffer.from(body) });
    } catch (error) {
      return errorResponse(error, "test");
    }
    const failure = failures.shift();
    if (failure !== undefined) return new Response(null, { status: failure });
    const events = ["Hel", "lo 世界"].map((content) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
    );
    return new Response(`${events.join("")}data: [DONE]\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  }

  return { url, received, failures, [Symbol.asyncDispose]: () => server.shutdown() };
}
