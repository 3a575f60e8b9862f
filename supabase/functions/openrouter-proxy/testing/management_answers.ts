/** OpenRouter's management API, answered by tests. */
import assert from "node:assert/strict";
import type { KeyLimit } from "../openrouter/keys.ts";
import { createManagement } from "../openrouter/management.ts";
import { ManagementError } from "../openrouter/management_call.ts";

const URL_ROOT = "https://openrouter.test/api/v1";
export const NO_LIMIT: KeyLimit = { creditLimit: null, creditLimitReset: null };
export const PLAINTEXT = "sk-or-v1-plaintext";

/** What management hands to fetch. */
interface Init {
  method: string;
  headers: Record<string, string>;
  body?: string;
  redirect: string;
  signal: AbortSignal;
}

export interface Sent extends Init {
  /** Method, path and query. */
  line: string;
}

/** A management whose calls `answer` answers, and what was sent. */
export function answered(
  answer: (sent: Sent) => Response | Promise<Response>,
  workspaceId: string | null = null,
  usdPerCredit = "1",
) {
  const sent: Sent[] = [];
  const fetch = async (input: string, init: Init) => {
    const call = { ...init, line: `${init.method} ${input.slice(URL_ROOT.length)}` };
    sent.push(call);
    return await answer(call);
  };
  const management = createManagement(
    URL_ROOT,
    "sk-management",
    fetch as unknown as typeof globalThis.fetch,
    workspaceId,
    usdPerCredit,
  );
  return { management, sent };
}

export async function failureOf(promise: Promise<unknown>): Promise<ManagementError> {
  const error = await promise.then(() => assert.fail("it did not fail"), (error) => error);
  assert.ok(error instanceof ManagementError, String(error));
  assert.ok(!String(error.stack).includes(PLAINTEXT));
  return error;
}
