/** Answers that OpenRouter's simulator does not give, in front of it. */
import { Buffer } from "node:buffer";
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request on the wire; its body has been read. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
) => void;

export interface Front {
  /** What belongs into OPENROUTER_API_URL. */
  url: string;
  /** By method and path below the API, e.g. `POST /chat/completions`; all others are the simulator's. */
  handlers: Map<string, Handler>;
  /** Where the others go: the simulator's url. */
  target: string;
  /** Answers of the handlers that are not finished, nor broken off by the gateway. */
  inFlight(): number;
  stop(): Promise<void>;
}

const API_ROOT = "/api/v1";

export async function startFront(): Promise<Front> {
  const handlers = new Map<string, Handler>();
  let inFlight = 0;

  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const path = (request.url ?? "").slice(API_ROOT.length);
    const handler = handlers.get(`${request.method} ${path.split("?", 1)[0]}`);
    if (!handler) return passOn(path, request, Buffer.concat(chunks), response);
    inFlight++;
    response.once("close", () => inFlight--);
    handler(request, response, Buffer.concat(chunks));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const front: Front = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${API_ROOT}`,
    handlers,
    target: "",
    inFlight: () => inFlight,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };

  /** Streams the simulator's answer through; either side's end is the other's. */
  function passOn(
    path: string,
    { method = "GET", headers }: IncomingMessage,
    body: Uint8Array,
    response: ServerResponse,
  ) {
    const passed = httpRequest(front.target + path, { method, headers });
    passed.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.once("error", () => response.destroy());
    });
    passed.once("error", () => response.destroy());
    response.once("close", () => passed.destroy());
    passed.end(body);
  }

  return front;
}
