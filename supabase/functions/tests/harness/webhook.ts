/** A server that alerts are posted to, which a test takes down and up. */

/** An alert as it arrived. */
export interface Posted {
  body: string;
  signature: string | null;
  contentType: string | null;
}

export interface Webhook {
  /** What belongs into ALERT_WEBHOOK_URL. */
  url: string;
  /** All that arrived while it was up. */
  posts: Posted[];
  /** How many were answered with an error. */
  failed(): number;
  /** Refuses connections, answers with this status, or takes what comes. */
  be(state: "down" | "up" | number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it on a port that stays the same; it is down. */
export function startWebhook(): Webhook {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const posts: Posted[] = [];
  let server: Deno.HttpServer | null = null;
  let status = 204;
  let failures = 0;

  async function answer(request: Request): Promise<Response> {
    const { headers } = request;
    const body = await request.text();
    if (status >= 300) {
      failures++;
      return new Response(null, { status });
    }
    posts.push({
      body,
      signature: headers.get("x-signature-256"),
      contentType: headers.get("content-type"),
    });
    return new Response(null, { status });
  }

  async function be(state: "down" | "up" | number) {
    if (state === "down") {
      await server?.shutdown();
      server = null;
      return;
    }
    status = state === "up" ? 204 : state;
    server ??= Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, answer);
  }

  return {
    url: `http://127.0.0.1:${port}/hook/of-the-tests`,
    posts,
    failed: () => failures,
    be,
    stop: () => be("down"),
  };
}
