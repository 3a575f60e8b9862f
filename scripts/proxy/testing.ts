/** For tests: `did proxy` as people run it, under Deno and under Node, and a gateway to try it on. */
import { Buffer } from "node:buffer";
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { openIdentity } from "../client/node.ts";
import { bundle } from "../package/bundle.ts";

export interface ProxyProcess extends AsyncDisposable {
  url: string;
  port: number;
  did: string;
  /** What was written to standard output and to standard error so far. */
  stdout(): string;
  stderr(): string;
  /** Sends SIGINT; gives the exit code. */
  interrupt(): Promise<number>;
}

interface DidCommand {
  runtime: string;
  command: [string, ...string[]];
}

/** The command lines that run `did`: from its source in Deno, from the package in Node. */
export async function didCommands(folder: string): Promise<[DidCommand, DidCommand]> {
  const { modules } = await bundle();
  await Deno.mkdir(`${folder}/dist`);
  await Deno.writeTextFile(`${folder}/package.json`, '{"type":"module"}');
  for (const [path, text] of Object.entries(modules)) {
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  const source = fileURLToPath(new URL("../did.ts", import.meta.url));
  return [
    { runtime: "Deno", command: [Deno.execPath(), "run", "--quiet", "-A", source] },
    { runtime: "Node", command: ["node", `${folder}/dist/did.js`] },
  ];
}

/** Starts a proxy on a free port, as a new identity in `folder`. */
export async function startProxyProcess(
  [program, ...args]: [string, ...string[]],
  { gatewayUrl, folder, options = [], env = {} }: {
    gatewayUrl: string;
    folder: string;
    options?: string[];
    env?: Record<string, string>;
  },
): Promise<ProxyProcess> {
  const identity = `${folder}/identity-${crypto.randomUUID()}.did.json`;
  const { did } = await openIdentity(identity);
  const child = new Deno.Command(program, {
    args: [...args, "proxy", "--port", "0", ...options],
    env: { NO_COLOR: "1", DID_FILE: identity, GATEWAY_URL: gatewayUrl, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  const read = async (name: keyof typeof output) => {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      output[name] += text;
      const [, url] = /^(http:\S+) spends as /m.exec(output.stderr) ?? [];
      if (url !== undefined) resolve(url);
    }
  };
  const ended = Promise.all([child.status, read("stdout"), read("stderr")]);
  const early = ended.then(([{ code }]) => {
    throw new Error(`did proxy ended with code ${code}:\n${output.stderr}`);
  });
  const url = await Promise.race([ready, early]);
  early.catch(() => {});
  let interrupted = false;
  const interrupt = async () => {
    if (!interrupted) child.kill("SIGINT");
    interrupted = true;
    return (await ended)[0].code;
  };
  return {
    url,
    port: Number(new URL(url).port),
    did,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    interrupt,
    [Symbol.asyncDispose]: async () => {
      await interrupt();
    },
  };
}

export interface StubGateway extends AsyncDisposable {
  url: string;
  /** Connections that were made to it. */
  connections: number;
}

const PATH = "/functions/v1/openrouter-proxy";

/** A gateway of which a test writes every answer; connections that are open at its end are cut. */
export async function startStubGateway(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<StubGateway> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const gateway: StubGateway = {
    url: `http://127.0.0.1:${port}${PATH}`,
    connections: 0,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  server.on("connection", () => gateway.connections++);
  return gateway;
}

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** Sends a request as it is given, whatever `fetch` would make of it; gives the whole answer. */
export async function send(
  proxy: { port: number },
  path: string,
  { body, ...options }: RequestOptions & { body?: string } = {},
): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: proxy.port, path, agent: false, ...options });
    sent.once("response", resolve);
    sent.once("error", reject);
    sent.end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return {
    status: response.statusCode!,
    headers: response.headers,
    body: Buffer.concat(chunks),
  };
}
