/** Scripted faults: what strikes the next calls of a route, whoever makes them. */
import { apiError } from "./errors.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { Faults } from "./faults.ts";

/**
 * Faults for the next `times` calls of one route.
 *
 * @example The next key is created, and its creator never learns of it:
 * `{ on: "POST /keys", faults: "after,drop" }`
 */
export interface ScriptedFault {
  /** A route as the table of endpoints names it: `POST /keys`, `DELETE /keys/:hash`. */
  on: string;
  /** As in `x-openrouter-simulate`. */
  faults: string;
  /** Calls to strike, 1 by default; null: until the script is cleared. */
  times?: number | null;
}

export class Script {
  #pending: { on: string; faults: string; left: number }[] = [];

  /** @throws {ApiError} 400 for an unknown route, an unknown fault or a bad count */
  add({ on, faults, times = 1 }: ScriptedFault): void {
    if (!Object.hasOwn(ENDPOINTS, on)) throw apiError(400, `the simulator has no route "${on}"`);
    Faults.parse(faults);
    if (times !== null && !(Number.isSafeInteger(times) && times > 0)) {
      throw apiError(400, "times must be a whole number of at least 1, or null");
    }
    this.#pending.push({ on, faults, left: times ?? Infinity });
  }

  /** Takes what strikes this call: the oldest script of its route. */
  take(route: string): string {
    const next = this.#pending.find(({ on }) => on === route);
    if (next === undefined) return "";
    next.left--;
    if (next.left === 0) this.#pending.splice(this.#pending.indexOf(next), 1);
    return next.faults;
  }

  clear(): void {
    this.#pending = [];
  }
}
