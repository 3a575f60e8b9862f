/** A server that alerts are posted to, which a test takes down and up. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

/** An alert as it arrived. */
export interface Posted {
  body: string;
  signature: string;
  contentType: string;
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
  let server: Server | null = null;
  let status = 204;
  let failures = 0;

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const { headers } = request;
    const body = await text(request);
    if (status >= 300) {
      failures++;
    } else {
      posts.push({
        body,
        signature: String(headers["x-signature-256"]),
        contentType: String(headers["content-type"]),
      });
    }
    response.writeHead(status).end();
  }

  /** Breaks off whatever is open: a connection that is kept for later must not keep the server up. */
  async function goDown() {
    const stopping = server;
    server = null;
    if (stopping === null) return;
    const closed = new Promise((resolve) => stopping.close(resolve));
    stopping.closeAllConnections();
    await closed;
  }

  async function be(state: "down" | "up" | number) {
    if (state === "down") return await goDown();
    status = state === "up" ? 204 : state;
    if (server !== null) return;
    const starting = createServer(answer);
    await new Promise<void>((resolve) => starting.listen(port, "127.0.0.1", resolve));
    server = starting;
  }

  return {
    url: `http://127.0.0.1:${port}/hook/of-the-tests`,
    posts,
    failed: () => failures,
    be,
    stop: () => be("down"),
  };
}
