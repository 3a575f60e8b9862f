/** The simulator as tests ask it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../../../scripts/simulator/server.ts";
import { until } from "./until.ts";

const MANAGEMENT_KEY = "sk-or-v1-management-of-the-tests";

export type OpenRouter = Simulator & Awaited<ReturnType<typeof asked>>;

/** Starts a simulator and adds what several tests ask it. */
export async function startOpenRouter(
  options: Omit<SimulatorOptions, "managementKey"> = {},
): Promise<OpenRouter> {
  const simulator = await startSimulator({ ...options, managementKey: MANAGEMENT_KEY });
  return { ...simulator, ...await asked(simulator) };
}

async function asked(simulator: Simulator) {
  const created = await fetch(`${simulator.url}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
    body: JSON.stringify({ name: "of the tests themselves" }),
  });
  const { key } = await created.json();

  /** The books of the key with this hash. */
  function keyOf(hash: string | null) {
    const found = simulator.ledger().keys.find((key) => key.hash === hash);
    assert.ok(found, `OpenRouter has no key with the hash ${hash}`);
    return found;
  }

  return {
    managementKey: MANAGEMENT_KEY,

    keyOf,

    /** The keys that were made for a DID: their names hold it. */
    keysNamed(did: string) {
      return simulator.ledger().keys.filter((key) => key.name.includes(did));
    },

    /** The requests that came with this key, oldest first, but for the gateway's own of the price list. */
    requestsWith(hash: string | null) {
      return simulator.ledger().requests.recent.filter(({ key_hash, path }) =>
        key_hash === hash && path !== "/api/v1/models?output_modalities=all"
      );
    },

    /** How many requests arrived, but for the public price list, which anybody reads at any time. */
    requestCount(): number {
      const { count, by_route } = simulator.ledger().requests;
      return count - (by_route["GET /models"] ?? 0);
    },

    /** Resolves once no answer is being sent. */
    async quiet(): Promise<void> {
      await until("OpenRouter to be quiet", () => simulator.ledger().requests.in_flight === 0);
    },

    /**
     * What OpenRouter answers to the same call without a gateway, as if it were the same generation:
     * with the id and the time of `answer`.
     */
    async answerWithoutGateway(
      path: string,
      body: string,
      faults: string,
      answer: string,
    ): Promise<string> {
      const response = await fetch(simulator.url + path, {
        method: "POST",
        headers: {
          authorization: `Bearer ${key}`,
          "content-type": "application/json",
          "x-openrouter-simulate": faults,
        },
        body,
      });
      const text = await response.text();
      const [own] = identityOf(text);
      const [id, created] = identityOf(answer);
      if (own === undefined || id === undefined) return text;
      return text.replaceAll(own, id).replaceAll(/("created": ?)\d+/g, `$1${created}`);
    },
  };
}

function identityOf(answer: string): [id?: string, created?: string] {
  const id = /"id": ?"(gen-[^"]+)"/.exec(answer)?.[1];
  return id === undefined ? [] : [id, /"created": ?(\d+)/.exec(answer)?.[1] ?? ""];
}

/** Lower-case hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
