/**
 * Alerts that a budget, or the day's new accounts, have reached a threshold, delivered at least once.
 * Postgres holds them: what the webhook did not take is due again a minute later, then two, up to an
 * hour, for whichever isolate asks.
 *
 * Source: docs/protocol.md, "Alerts".
 */
import { describeError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import type { Store } from "../../store/store.ts";
import type { BudgetAlert } from "../../store/budget_alerts.ts";
import { alertMessage } from "./message.ts";
import { createWebhook } from "./webhook.ts";

export interface AlertDeliveryDeps {
  store: Pick<Store, "claimBudgetAlerts" | "endBudgetAlert">;
  fetch: typeof globalThis.fetch;
  /** The webhook; null: there is none, and nothing is delivered. */
  url: string | null;
  /** Signs what is sent; null: it is not signed. */
  secret: string | null;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: Log;
}

export interface Delivered {
  done: number;
  /** How many were tried in vain. */
  failed: number;
  /** How many are due, or will be again; null: not known. */
  left: number | null;
}

export interface AlertDelivery {
  /** Delivers some of what is due in the background: whoever calls this does not wait. */
  soon(): void;
  /**
   * Delivers what is due.
   *
   * @param most how many are tried at most
   * @param isOver whether no more shall be tried
   * @throws {GatewayError} store_unavailable
   */
  deliver(most: number, isOver: () => boolean): Promise<Delivered>;
}

/** Few enough that all are tried before another isolate may claim them. */
const AT_A_TIME = 4;
const MOST_IN_BACKGROUND = 20;

export function createAlertDelivery(deps: AlertDeliveryDeps): AlertDelivery {
  const { store, fetch, url, secret, waitUntil, log } = deps;
  if (url === null) {
    return { soon() {}, deliver: () => Promise.resolve({ done: 0, failed: 0, left: 0 }) };
  }
  const post = createWebhook({ url, secret, fetch });

  /** @returns whether it was delivered; a failure is nobody else's */
  async function attempt(alert: BudgetAlert): Promise<boolean> {
    const { id, attempts } = alert;
    const undelivered = { level: "warn", event: "alert_undelivered", alert_id: id, attempts };
    try {
      const problem = await post(alertMessage(alert));
      if (problem === null) await store.endBudgetAlert(id);
      else log({ ...undelivered, error: problem });
      return problem === null;
    } catch (error) {
      log({ ...undelivered, ...describeError(error as Error, true) });
      return false;
    }
  }

  async function deliver(most: number, isOver: () => boolean): Promise<Delivered> {
    let done = 0;
    let failed = 0;
    let left: number | null = null;
    while (done + failed < most && !isOver()) {
      const limit = Math.min(AT_A_TIME, most - done - failed);
      const claimed = await store.claimBudgetAlerts(limit);
      left = claimed.left;
      const outcomes = await Promise.all(claimed.alerts.map(attempt));
      const taken = outcomes.filter(Boolean).length;
      done += taken;
      failed += outcomes.length - taken;
      // Where all fail, the webhook is down: the others need not wait longer for the next attempt.
      if (outcomes.length < limit || taken === 0) break;
    }
    return { done, failed, left: left === null ? null : left + failed };
  }

  let isUnderWay = false;
  let isCalledAgain = false;

  async function deliverInBackground(): Promise<void> {
    try {
      do {
        isCalledAgain = false;
        await deliver(MOST_IN_BACKGROUND, () => false);
      } while (isCalledAgain);
    } catch (error) {
      // The next sweep will try again.
      log({ level: "warn", event: "alerts_deferred", ...describeError(error as Error, true) });
    } finally {
      isUnderWay = false;
    }
  }

  return {
    deliver,
    soon() {
      isCalledAgain = true;
      if (isUnderWay) return;
      isUnderWay = true;
      waitUntil(deliverInBackground());
    },
  };
}
