/** What a client does next: mostly what is good, and now and then what has to be refused. */
import type { Random } from "../seed/random.ts";
import type { CallRecord, Expected } from "./call_record.ts";
import { chatBody, KINDS } from "./calls.ts";
import { newPerson, type People } from "./people.ts";
import type { PlannedCall, Planner } from "./planned_call.ts";

/** Who does it, and with what. */
export interface Client {
  random: Random;
  people: People;
  planner: Planner;
  /** All headers of a request, signed now. */
  headersOf(planned: PlannedCall): Promise<Record<string, string>>;
  /** Sends it with these headers, or its own. */
  send(planned: PlannedCall, headers?: Record<string, string>): Promise<CallRecord>;
}

interface Habit {
  weight: number;
  act(client: Client): Promise<unknown>;
}

const OK: Expected = { statuses: [200], breaks: false };
const refused = (...statuses: number[]): Expected => ({ statuses, breaks: false });

/** A chat of somebody to whom everything is refused; who asks too often is told that. */
function refusedChat(weight: number, what: string, name: string, status: number): Habit {
  return {
    weight,
    act: ({ people, planner, send }) =>
      send(planner.plainChat(what, refused(status, 429), people.byName[name]!)),
  };
}

export const HABITS: readonly Habit[] = [
  { weight: 100, act: ({ planner, send }) => send(planner.good()) },
  { weight: 2, act: comeForTheFirstTime },
  { weight: 3, act: replay },
  { weight: 3, act: duplicate },
  refusedChat(3, "over budget", "poor", 402),
  refusedChat(2, "not on the list", "listed", 403),
  refusedChat(2, "blocked", "blocked", 403),
  { weight: 2, act: forge },
  {
    weight: 2,
    act({ planner, send }) {
      const planned = planner.plainChat("malformed", refused(400), planner.unlimited());
      return send({ ...planned, body: '{"model": "open' });
    },
  },
  {
    weight: 1,
    act({ planner, send }) {
      const planned = planner.plainChat("forbidden path", refused(403, 429), planner.unlimited());
      return send({ ...planned, path: "/api/v1/openrouter/keys", isMetered: false });
    },
  },
  {
    weight: 1,
    act({ planner, send }) {
      const expected = refused(400);
      const { body: _, ...planned } = planner.plainChat("odd query", expected, planner.unlimited());
      return send({ ...planned, method: "GET", path: "/api/v1/usage?days=3", isMetered: false });
    },
  },
];

async function comeForTheFirstTime({ random, planner, send }: Client): Promise<void> {
  const person = await newPerson("new", { type: random.pick(["ed25519", "p256"] as const) });
  await send(planner.good(person, KINDS[0]));
  await send(planner.good(person));
}

/** Sends the very same bytes again once they were accepted. */
async function replay({ planner, headersOf, send }: Client): Promise<void> {
  const person = planner.unlimited();
  const planned = planner.plainChat("chat", OK, person);
  const headers = await headersOf({ ...planned, carrier: planner.signing(person) });
  const first = await send(planned, headers);
  if (first.status !== 200) return;
  await send({ ...planned, what: "replayed", expected: refused(401) }, headers);
}

/** Asks again for what was answered, under the same Idempotency-Key. */
async function duplicate({ planner, send }: Client): Promise<void> {
  const planned = planner.plainChat("chat", OK, planner.unlimited());
  const headers = { "idempotency-key": planned.id };
  const first = await send({ ...planned, headers });
  if (first.status !== 200) return;
  await send({ ...planned, what: "duplicate", headers, expected: refused(409) });
}

/** Sends a body that was not signed. */
async function forge({ planner, headersOf, send }: Client): Promise<void> {
  const person = planner.unlimited();
  const planned = planner.plainChat("forged", refused(401), person);
  const signed = { ...planned, carrier: planner.signing(person), body: chatBody("something else") };
  await send(planned, await headersOf(signed));
}
