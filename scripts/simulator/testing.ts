/** What the simulator's tests share. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Simulator, startSimulator } from "./server.ts";

export const MANAGEMENT_KEY = "sk-or-v1-management";

/** A running simulator with one ordinary key. */
export interface Bench {
  simulator: Simulator;
  key: string;
  hash: string;
  /** Calls the API with the ordinary key; `simulate` is the header of that name. */
  call(path: string, body?: unknown, options?: CallOptions): Promise<Response>;
  /** Calls the API with the management key. */
  manage(method: string, path: string, body?: unknown): Promise<Response>;
}

export interface CallOptions {
  simulate?: string;
  signal?: AbortSignal;
  key?: string;
  /** GET by default, POST with a body. */
  method?: string;
}

/** Runs a test against a simulator of its own. */
export async function withSimulator(test: (bench: Bench) => Promise<void>): Promise<void> {
  const simulator = await startSimulator({ managementKey: MANAGEMENT_KEY });
  // On a reused connection that breaks, Deno's fetch sends the request again
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const manage = (method: string, path: string, body?: unknown) =>
    fetch(simulator.url + path, {
      client,
      method,
      headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  try {
    const created = await (await manage("POST", "/keys", { name: "tester" })).json();
    await test({
      simulator,
      key: created.key,
      hash: created.data.hash,
      manage,
      call: (path, body, { simulate, signal, key = created.key, method } = {}) =>
        fetch(simulator.url + path, {
          client,
          method: method ?? (body === undefined ? "GET" : "POST"),
          headers: {
            authorization: `Bearer ${key}`,
            ...(simulate === undefined ? {} : { "x-openrouter-simulate": simulate }),
          },
          ...(body === undefined
            ? {}
            : { body: body instanceof FormData ? body : JSON.stringify(body) }),
          ...(signal === undefined ? {} : { signal }),
        }),
    });
  } finally {
    client.close();
    await simulator.stop();
  }
}

/** A chat request of 2 prompt tokens and `tokens` completion tokens: 0.0000003 + 0.0000006 each. */
export function chat(tokens: number, rest: object = {}) {
  return {
    model: `simulate/chunks:${tokens}`,
    messages: [{ role: "user", content: "say hi" }],
    ...rest,
  };
}

/** The data of all events of a stream, parsed where they are JSON. */
// deno-lint-ignore no-explicit-any -- tests look into answers of any shape
export function dataOf(stream: string): any[] {
  return stream.split(/\r\n|\r|\n/).filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trim())
    .map((data) => data === "[DONE]" ? data : JSON.parse(data));
}

/** Waits for a condition that the simulator reaches on its own. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}
