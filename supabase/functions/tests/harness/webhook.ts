/** A server that alerts are posted to, which a test takes down and up. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
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
  /** Breaks off every connection, answers with this status, or takes what comes. */
  be(state: "down" | "up" | number): void;
  stop(): Promise<void>;
}

/** Starts it; it is down. It listens all the same: somebody else might take the port meanwhile. */
export async function startWebhook(): Promise<Webhook> {
  const posts: Posted[] = [];
  let status: number | null = null;
  let failures = 0;

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const { headers } = request;
    const body = await text(request);
    if (status === null) {
      response.destroy();
      return;
    }
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

  const server = createServer(answer);
  server.on("connection", (socket) => {
    if (status === null) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  function be(state: "down" | "up" | number) {
    if (state === "down") {
      status = null;
      server.closeAllConnections();
    } else {
      status = state === "up" ? 204 : state;
    }
  }

  return {
    url: `http://127.0.0.1:${port}/hook/of-the-tests`,
    posts,
    failed: () => failures,
    be,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      be("down");
      await closed;
    },
  };
}
