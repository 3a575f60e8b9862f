/** Requests as they will be sent, by chance. */
import type { Random } from "../seed/random.ts";
import type { Expected } from "./call_record.ts";
import { CHAT, chatBody, type Kind, KINDS } from "./calls.ts";
import type { Carrier } from "./carriers.ts";
import { type Leave, someLeave } from "./exchange.ts";
import { CALLERS, type People, type Person } from "./people.ts";
import { expectedOf, UPSTREAM_FAULTS, type UpstreamFault } from "./upstream_faults.ts";

export interface PlannedCall {
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
  leave: Leave | null;
}

export interface Planner {
  /** A request that is as it should be, with whatever happens to it at OpenRouter. */
  good(person?: Person, kind?: Kind): PlannedCall;
  /** A chat that nothing happens to at OpenRouter; most of those that are refused are chats. */
  plainChat(what: string, expected: Expected, person: Person): PlannedCall;
  /** Somebody whose budget lasts. */
  unlimited(): Person;
  /** One of the carriers by which each request is signed. */
  signing(person: Person): Carrier;
}

const WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"];
/** How often a client does not wait for the end of what it pays for. */
const LEAVES = { streamed: 0.1, whole: 0.04 };

/** @param newId makes the id of each request */
export function createPlanner(random: Random, people: People, newId: () => string): Planner {
  const somebody = (names = CALLERS) => people.byName[random.pick(names)]!;
  const someWords = () =>
    Array.from({ length: random.integer(1, 12) }, () => random.pick(WORDS)).join(" ");

  function someFault({ isStreamed = false, isText = false, takesFaults = false }: Kind) {
    const fits = { streamed: isStreamed, whole: !isStreamed, text: isText };
    const fitting = UPSTREAM_FAULTS.filter(({ only }) => only === undefined || fits[only]);
    return takesFaults ? weighted(random, fitting) : fitting[0]!;
  }

  return {
    good(person = somebody(), kind = weighted(random, KINDS)) {
      const { what, method, path, body, isStreamed = false } = kind;
      const fault = someFault(kind);
      const { faults } = fault;
      const isMetered = body !== undefined;
      const leaves = isMetered && random.happens(isStreamed ? LEAVES.streamed : LEAVES.whole);
      return {
        id: newId(),
        what: faults === "" ? what : `${what}; ${faults}`,
        person,
        carrier: random.pick(person.carriers),
        method,
        path,
        ...(isMetered ? { body: JSON.stringify(body(someWords())) } : {}),
        headers: faults === "" ? {} : { "x-openrouter-simulate": faults },
        isMetered,
        expected: expectedFor(person, kind, fault),
        leave: leaves ? someLeave(random) : null,
      };
    },

    plainChat: (what, expected, person) => ({
      id: newId(),
      what,
      person,
      carrier: random.pick(person.carriers),
      method: "POST",
      path: CHAT,
      body: chatBody(someWords()),
      isMetered: true,
      expected,
      leave: null,
    }),

    unlimited: () => somebody(CALLERS.filter((name) => name !== "modest")),
    signing: ({ carriers }) => random.pick(carriers.filter(({ signs }) => signs)),
  };
}

/** One of these, as likely as its weight. */
export function weighted<T extends { weight: number }>(random: Random, from: readonly T[]): T {
  return from[random.index(from.map(({ weight }) => weight))]!;
}

function expectedFor(
  { name }: Person,
  { alsoStatuses = [] }: Kind,
  fault: UpstreamFault,
): Expected {
  const { statuses, breaks } = expectedOf(fault);
  // Who spends all is refused by then, and may be told so too often.
  const refused = name === "modest" ? [402, 429] : [];
  return { statuses: [...statuses, ...alsoStatuses, ...refused], breaks };
}
