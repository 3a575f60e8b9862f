/**
 * Whether OpenRouter still takes the management key: without it no new DID gets a key, while the others
 * go on, so that nothing else would tell.
 *
 * Source: docs/openrouter.md, "Keys".
 */

import { isWithin } from "../concurrency/is_within.ts";

/** `unknown`: OpenRouter did not say. */
export type KeyState = "accepted" | "refused" | "unknown";

/** No key has this hash. Whoever may ask for it is answered 404, and everybody else 401 or 403. */
const NO_KEY = `/keys/${"0".repeat(64)}`;
const STATES: Readonly<Record<number, KeyState>> = {
  200: "accepted",
  404: "accepted",
  401: "refused",
  403: "refused",
};
const ANSWER_WITHIN_MS = 5_000;
/** Anybody may ask for the health, and OpenRouter shall not be asked each time. */
const REMEMBERED_MS: Readonly<Record<KeyState, number>> = {
  accepted: 60_000,
  refused: 60_000,
  unknown: 5_000,
};

/**
 * Makes what asks OpenRouter, once a minute at most.
 *
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param now milliseconds since the epoch
 */
export function createKeyCheck(
  openrouterUrl: string,
  managementKey: string,
  fetch: typeof globalThis.fetch,
  now: () => number,
): () => Promise<KeyState> {
  let known: { state: Promise<KeyState>; holds: () => boolean } | undefined;

  async function ask(): Promise<KeyState> {
    try {
      const response = await fetch(openrouterUrl + NO_KEY, {
        headers: { authorization: `Bearer ${managementKey}` },
        redirect: "error",
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      await response.body?.cancel();
      return STATES[response.status] ?? "unknown";
    } catch {
      return "unknown";
    }
  }

  return () => {
    if (known?.holds()) return known.state;
    const asked = { state: ask(), holds: () => true };
    known = asked;
    asked.state.then((state) => {
      const toldAt = now();
      asked.holds = () => isWithin(REMEMBERED_MS[state], toldAt, now());
    });
    return asked.state;
  };
}
