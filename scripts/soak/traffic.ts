/** Clients that call until they are told to stop, each with chance of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, type Random } from "../seed/random.ts";
import type { CallRecord } from "./call_record.ts";
import { exchange } from "./exchange.ts";
import { type Client, HABITS } from "./habits.ts";
import type { People } from "./people.ts";
import { createPlanner, weighted } from "./planned_call.ts";

export interface TrafficOptions {
  seed: number;
  clients: number;
  people: People;
  /** Where the gateway is now: another one after each of its starts. */
  gatewayUrl: () => string;
  /** Told of each request when it is over. */
  onCall: (record: CallRecord) => void;
}

export interface Traffic {
  /** No new requests from now on; resolves when the last one is over. */
  stop(): Promise<void>;
}

/** Between two requests of a client, at the median. */
const THINK_MS = 150;

export function startTraffic(options: TrafficOptions): Traffic {
  const { seed, clients } = options;
  let isOver = false;
  const running = Array.from({ length: clients }, async (_, index) => {
    const random = createRandom(seed * 1_000 + index);
    const client = createClient(options, index, random);
    while (!isOver) {
      await weighted(random, HABITS).act(client);
      await sleep(random.around(THINK_MS, 2));
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

function createClient(
  { people, gatewayUrl, onCall, seed }: TrafficOptions,
  index: number,
  random: Random,
): Client {
  let count = 0;
  const planner = createPlanner(random, people, () => `soak-${seed}-${index}-${count++}`);

  const headersOf: Client["headersOf"] = async (planned) => {
    const { id, person, carrier, method, path, body = "", headers } = planned;
    return {
      ...(body === "" ? {} : { "content-type": "application/json" }),
      "x-session-id": id,
      ...headers,
      ...await carrier.headersFor(person.identity, { method, path, body }),
    };
  };

  const send: Client["send"] = async (planned, headers) => {
    const { id, what, person, method, path, body, isMetered, expected, leave } = planned;
    const init = {
      method,
      headers: headers ?? await headersOf(planned),
      ...(body === undefined ? {} : { body }),
    };
    const { did } = person.identity;
    const startedMs = Date.now();
    const seen = await exchange(gatewayUrl() + path, init, leave);
    const record = { id, what, did, isMetered, expected, startedMs, endedMs: Date.now(), ...seen };
    onCall(record);
    return record;
  };

  return { random, people, planner, headersOf, send };
}
