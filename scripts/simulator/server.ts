/**
 * OpenRouter in one process: keys, generations, prices, streams and errors as openrouter.md
 * describes them, and the faults of faults.ts on demand. Everything is in memory.
 *
 * @example
 * const simulator = await startSimulator({ managementKey: "sk-or-v1-management" });
 * // OPENROUTER_API_URL=simulator.url
 * simulator.addFault({ on: "POST /keys", faults: "status:500", times: 2 });
 * simulator.ledger().total_cost; // "0.00002415"
 * await simulator.stop();
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { control, CONTROL_ROOT, type Controls } from "./control.ts";
import { Faults } from "./faults.ts";
import { Gate } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { keepListening } from "./keep_listening.ts";
import { API_ROOT, respond, type World } from "./pipeline.ts";
import { RequestLog } from "./requests.ts";
import { Script } from "./script.ts";
import { Connection, readBody } from "./transport.ts";

export interface SimulatorOptions {
  /** The only key that opens `/keys`. */
  managementKey: string;
  /** 0, the default: any free port. */
  port?: number;
  /** `127.0.0.1` by default. */
  hostname?: string;
  /** How long `GET /generation` does not know a generation, 0 by default; OpenRouter takes 10 s. */
  generationDelayMs?: number;
  /** How long analytics do not know a generation, 0 by default; OpenRouter does not say. */
  analyticsDelayMs?: number;
  /** Whether it must outlive a want of file descriptors. */
  isLasting?: boolean;
}

export interface Simulator extends Controls {
  /** What belongs into OPENROUTER_API_URL: `http://127.0.0.1:PORT/api/v1`. */
  url: string;
  /** Breaks all connections and stops listening. */
  stop(): Promise<void>;
}

/** Starts a simulator. Rejects where the address is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { managementKey, port = 0, hostname = "127.0.0.1" } = options;
  const { generationDelayMs = 0, analyticsDelayMs = 0, isLasting = false } = options;
  const delays = { generationDelayMs, analyticsDelayMs };
  const world: World = {
    managementKey,
    ledger: new Ledger(delays),
    requests: new RequestLog(),
    script: new Script(),
    gate: new Gate(),
  };
  const controls: Controls = {
    addFault: (fault) => world.script.add(fault),
    clearFaults: () => world.script.clear(),
    ledger: () => ({ ...world.ledger.snapshot(), requests: world.requests.snapshot() }),
    generations: () => world.ledger.billed(),
    reset() {
      world.ledger = new Ledger(delays);
      world.requests.reset();
      world.script.clear();
    },
  };

  const open = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const served = serve(world, controls, request, response).finally(() => open.delete(served));
    open.add(served);
  });
  // A client may keep a connection idle as long as it likes: closing it would race its next request
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const letGo = isLasting ? keepListening(server, { hostname, port: bound }) : () => {};

  return {
    url: `http://${hostname}:${bound}${API_ROOT}`,
    ...controls,
    async stop() {
      letGo();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await Promise.all(open);
    },
  };
}

async function serve(
  world: World,
  controls: Controls,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const connection = new Connection(response);
  try {
    const body = await readBody(request).catch(() => null);
    // Whoever leaves before the end of the body waits for no answer.
    if (body === null) return await connection.drop();
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (path.startsWith(`${CONTROL_ROOT}/`)) {
      const answer = control(controls, request.method ?? "", path, body);
      await connection.send(answer, Faults.parse());
    } else await respond(world, request, body, connection);
  } catch (error) {
    if (connection.isGone) return;
    console.error("the simulator failed:", error);
    await connection.drop();
  }
}
