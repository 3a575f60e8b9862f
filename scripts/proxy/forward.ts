/** One request through the proxy, and its answer back: bytes as they come, and both ends' leaving. */
import type { Buffer } from "node:buffer";
import {
  Agent as HttpAgent,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { pipeline } from "node:stream/promises";
import type { Authorize } from "./credentials.ts";
import { gatewayPath } from "./gateway_path.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { answerWith, endWhenRead, Refusal } from "./refusal.ts";

export type Forward = (incoming: IncomingMessage, response: ServerResponse) => Promise<void>;

/** How long an idle connection to the gateway is kept: less than servers keep theirs. */
const IDLE_MS = 15_000;

/**
 * Makes the function that forwards requests over connections which are kept.
 *
 * It throws {@linkcode Refusal} before anything was sent, and answers by itself after that.
 *
 * @param gatewayUrl without a trailing slash
 */
export function createForward(gatewayUrl: string, authorize: Authorize): Forward {
  const { protocol, hostname, port, pathname } = new URL(gatewayUrl);
  const secure = protocol === "https:";
  const send = secure ? requestHttps : requestHttp;
  const gateway: RequestOptions = {
    agent: new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: IDLE_MS }),
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port || (secure ? 443 : 80),
  };

  return async (incoming, response) => {
    const path = gatewayPath(incoming.url ?? "");
    const { headers, body } = await authorize(incoming, path);
    if (response.destroyed) return;
    const outgoing = send({
      ...gateway,
      method: incoming.method,
      path: pathname + path,
      headers: {
        ...requestHeaders(incoming.headers),
        ...headers,
        ...framing(incoming, body),
      },
    });
    response.once("close", () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    outgoing.once("response", (answer) => {
      try {
        passBack(answer, response, () => {
          // The gateway takes no more of the request, which the client may still be writing.
          if (!incoming.readableEnded) incoming.unpipe(outgoing);
          if (!outgoing.writableEnded) outgoing.destroy();
          endWhenRead(incoming, response);
        });
      } catch {
        // By HTTP's grammar an answer, with a status or a reason that cannot be written again.
        response.statusMessage = "";
        outgoing.destroy(new Error("its answer is no HTTP"));
      }
    });
    function fail(error: Error) {
      // The rest of the request is still to be taken from the client, who may be writing.
      incoming.unpipe(outgoing);
      incoming.resume();
      if (!response.headersSent) {
        answerWith(incoming, response, unreachable(gatewayUrl, error));
      }
    }
    outgoing.on("error", fail);
    // A switch to another protocol, which nobody asked for, is no error, and no answer either.
    outgoing.once("close", () => {
      if (!response.headersSent && !response.destroyed) fail(new Error("it gave no answer"));
    });
    if (body !== null) outgoing.end(body);
    else if (hasBody(incoming)) incoming.pipe(outgoing);
    else outgoing.end();
  };
}

/**
 * An answer that breaks off breaks off for the client too; one that the client leaves is left.
 *
 * @param end called once all of the answer has come; it ends the response
 */
function passBack(answer: IncomingMessage, response: ServerResponse, end: () => void): void {
  response.writeHead(
    answer.statusCode!,
    answer.statusMessage,
    responseHeaders(answer.rawHeaders, answer.headers.connection),
  );
  response.flushHeaders();
  pipeline(answer, response, { end: false }).then(end, () => response.destroy());
}

/** What says where the body ends; for some methods Node would leave that out. */
function framing({ headers }: IncomingMessage, body: Buffer | null): OutgoingHttpHeaders {
  if (body !== null && body.length > 0) return { "content-length": body.length };
  if (body !== null || headers["transfer-encoding"] === undefined) return {};
  return { "transfer-encoding": "chunked" };
}

/** RFC 9112, section 6: a request has a body when it says so. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function unreachable(gatewayUrl: string, error: Error): Refusal {
  const reason = (error as { code?: string }).code ?? error.message;
  return new Refusal(
    "upstream_unreachable",
    `the gateway at ${gatewayUrl} cannot be reached: ${reason}`,
  );
}
