/**
 * The simulator's own routes, outside the API and without a key, for tests in other processes.
 *
 * | route | what it does |
 * | --- | --- |
 * | `POST /simulator/faults` | adds a ScriptedFault, or an array of them; 204 |
 * | `DELETE /simulator/faults` | clears the scripted faults; 204 |
 * | `GET /simulator/ledger` | the books and the requests seen: SimulatorLedger |
 * | `POST /simulator/reset` | forgets keys, generations, requests and scripted faults; 204 |
 */
import { type Answer, json } from "./answer.ts";
import { ApiError, apiError, errorAnswer } from "./errors.ts";
import type { BilledGeneration, LedgerSnapshot } from "./ledger.ts";
import type { RequestsSnapshot } from "./requests.ts";
import type { ScriptedFault } from "./script.ts";

/** The books and the requests seen. */
export interface SimulatorLedger extends LedgerSnapshot {
  requests: RequestsSnapshot;
}

/** What can be done to a simulator from outside. */
export interface Controls {
  /** Strikes the next calls of a route. */
  addFault(fault: ScriptedFault): void;
  clearFaults(): void;
  ledger(): SimulatorLedger;
  /** The generations one by one, oldest first: the last 100 000. */
  generations(): BilledGeneration[];
  /** Forgets keys, generations, requests and scripted faults. */
  reset(): void;
}

export const CONTROL_ROOT = "/simulator";

/** Answers a request below `/simulator`. */
export function control(
  controls: Controls,
  method: string,
  path: string,
  body: Uint8Array,
): Answer {
  const done: Answer = { status: 204, headers: {}, body: "" };
  try {
    switch (`${method} ${path}`) {
      case "POST /simulator/faults":
        for (const fault of readFaults(body)) controls.addFault(fault);
        return done;
      case "DELETE /simulator/faults":
        controls.clearFaults();
        return done;
      case "GET /simulator/ledger":
        return json(controls.ledger());
      case "POST /simulator/reset":
        controls.reset();
        return done;
      default:
        throw apiError(404, `the simulator has no route ${method} ${path}`);
    }
  } catch (error) {
    if (error instanceof ApiError) return errorAnswer(error, path);
    throw error;
  }
}

function readFaults(body: Uint8Array): ScriptedFault[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw apiError(400, "the body must be JSON");
  }
  return [value].flat().map((item) => {
    const { on, faults, times } = (item ?? {}) as Record<string, unknown>;
    if (typeof on !== "string" || typeof faults !== "string") {
      throw apiError(400, 'a fault looks like {"on":"POST /keys","faults":"status:500","times":1}');
    }
    if (times === undefined) return { on, faults };
    return { on, faults, times: times === null ? null : Number(times) };
  });
}
