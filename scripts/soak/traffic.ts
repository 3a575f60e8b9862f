/** Clients that call until they are told to stop, each with chance of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../seed/random.ts";
import { createRandom } from "../seed/random.ts";
import type { CallRecord, Expected } from "./call_record.ts";
import { CHAT, chatBody, type Kind, KINDS } from "./calls.ts";
import type { Carrier } from "./carriers.ts";
import { exchange, type Leave, someLeave } from "./exchange.ts";
import { CALLERS, newPerson, type People, type Person } from "./people.ts";
import { expectedOf, UPSTREAM_FAULTS } from "./upstream_faults.ts";

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
const WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"];

const OK: Expected = { statuses: [200], breaks: false };
const refused = (...statuses: number[]): Expected => ({ statuses, breaks: false });

/** A request as it will be sent. */
interface Planned {
  id: string;
  what: string;
  person: Person;
  carrier: Carrier;
  method: string;
  path: string;
  body?: string;
  headers?: Record<string, string>;
  isMetered: boolean;
  expected: Expected;
  leave?: Leave | null;
}

export function startTraffic(options: TrafficOptions): Traffic {
  const { seed, clients } = options;
  let isOver = false;
  const running = Array.from({ length: clients }, async (_, index) => {
    const client = createClient(options, index, createRandom(seed * 1_000 + index));
    while (!isOver) await client.next();
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
) {
  let count = 0;
  const newId = () => `soak-${seed}-${index}-${count++}`;
  const somebody = () => people.byName[random.pick(CALLERS)]!;
  const someWords = () =>
    Array.from({ length: random.integer(1, 12) }, () => random.pick(WORDS)).join(" ");

  async function headersOf(planned: Planned): Promise<Record<string, string>> {
    const { id, person, carrier, method, path, body = "", headers } = planned;
    return {
      ...(body === "" ? {} : { "content-type": "application/json" }),
      "x-session-id": id,
      ...headers,
      ...await carrier.headersFor(person.identity, { method, path, body }),
    };
  }

  async function send(planned: Planned, headers?: Record<string, string>): Promise<CallRecord> {
    const { id, what, person, method, path, body, isMetered, expected, leave = null } = planned;
    const signed = headers ?? await headersOf(planned);
    const init = { method, headers: signed, ...(body === undefined ? {} : { body }) };
    const startedMs = Date.now();
    const seen = await exchange(gatewayUrl() + path, init, leave);
    const record: CallRecord = {
      id,
      what,
      did: person.identity.did,
      isMetered,
      expected,
      startedMs,
      endedMs: Date.now(),
      ...seen,
    };
    onCall(record);
    return record;
  }

  /** A request that is as it should be, with whatever happens to it at OpenRouter. */
  function good(
    person = somebody(),
    kind: Kind = KINDS[random.index(KINDS.map((k) => k.weight))]!,
  ) {
    const { what, method, path, body, isStreamed = false, isText = false, takesFaults = false } =
      kind;
    const fits = { streamed: isStreamed, whole: !isStreamed, text: isText };
    const fitting = UPSTREAM_FAULTS.filter(({ only }) => only === undefined || fits[only]);
    const fault = takesFaults
      ? fitting[random.index(fitting.map(({ weight }) => weight))]!
      : fitting[0]!;
    const words = someWords();
    const isMetered = body !== undefined;
    const { statuses, breaks } = expectedOf(fault);
    const leaves = isMetered && random.happens(isStreamed ? 0.1 : 0.04);
    const planned: Planned = {
      id: newId(),
      what: fault.faults === "" ? what : `${what}; ${fault.faults}`,
      person,
      carrier: random.pick(person.carriers),
      method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body(words)) }),
      headers: fault.faults === "" ? {} : { "x-openrouter-simulate": fault.faults },
      isMetered,
      expected: {
        statuses: [
          ...statuses,
          ...kind.alsoStatuses ?? [],
          // Who spends all is refused by then, and may be told so too often.
          ...person.name === "modest" ? [402, 429] : [],
        ],
        breaks,
      },
      leave: leaves ? someLeave(random) : null,
    };
    return planned;
  }

  /** A chat of somebody, which is what refused requests are. */
  function plainChat(what: string, expected: Expected, person: Person): Planned {
    return {
      id: newId(),
      what,
      person,
      carrier: random.pick(person.carriers),
      method: "POST",
      path: CHAT,
      body: chatBody(someWords()),
      isMetered: true,
      expected,
    };
  }

  const unlimited = () => people.byName[random.pick(CALLERS.filter((name) => name !== "modest"))]!;
  const signedBy = ({ carriers }: Person) => random.pick(carriers.filter(({ signs }) => signs));

  /** Everything that a client does, and how often. */
  const habits: [weight: number, act: () => Promise<unknown>][] = [
    [100, () => send(good())],
    [2, async () => {
      const person = await newPerson("new", { type: random.pick(["ed25519", "p256"] as const) });
      await send(good(person, KINDS[0]));
      await send(good(person));
    }],
    [3, async () => {
      const person = unlimited();
      const planned = { ...plainChat("chat", OK, person), carrier: signedBy(person) };
      const headers = await headersOf(planned);
      const first = await send(planned, headers);
      if (first.status === 200) {
        await send({ ...planned, what: "replayed", expected: refused(401) }, headers);
      }
    }],
    [3, async () => {
      const planned = plainChat("chat", OK, unlimited());
      const headers = { "idempotency-key": planned.id };
      const first = await send({ ...planned, headers });
      if (first.status === 200) {
        await send({ ...planned, what: "duplicate", headers, expected: refused(409) });
      }
    }],
    [3, () => send(plainChat("over budget", refused(402, 429), people.byName.poor!))],
    [2, () => send(plainChat("not on the list", refused(403, 429), people.byName.listed!))],
    [2, () => send(plainChat("blocked", refused(403, 429), people.byName.blocked!))],
    [
      2,
      () => send({ ...plainChat("malformed", refused(400), unlimited()), body: '{"model": "open' }),
    ],
    [2, async () => {
      const person = unlimited();
      const planned = plainChat("forged", refused(401), person);
      const other = { ...planned, carrier: signedBy(person), body: chatBody("something else") };
      await send(planned, await headersOf(other));
    }],
    [1, () => {
      const path = "/api/v1/openrouter/keys";
      const planned = plainChat("forbidden path", refused(403, 429), unlimited());
      return send({ ...planned, path, isMetered: false });
    }],
    [1, () => {
      const planned = plainChat("unknown parameter", refused(400), unlimited());
      const { body: _, ...bodiless } = planned;
      return send({ ...bodiless, method: "GET", path: "/api/v1/usage?days=3", isMetered: false });
    }],
  ];

  return {
    async next() {
      const [, act] = habits[random.index(habits.map(([weight]) => weight))]!;
      await act();
      await sleep(random.around(THINK_MS, 2));
    },
  };
}
