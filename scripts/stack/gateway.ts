/** The gateway's end, alone or beside the stack. */
import { GatewayError } from "../../supabase/functions/openrouter-proxy/errors.ts";
import { refuseAll } from "../../supabase/functions/openrouter-proxy/http/refuse_all.ts";
import type { RunningGateway } from "../../supabase/functions/openrouter-proxy/runtime.ts";
import { within } from "./within.ts";

/** Where Supabase serves the function. */
export const GATEWAY_PATH = "/functions/v1/openrouter-proxy";

/** What requests get before the gateway is there. */
export const refuseWhileStarting = refuseWhile("starting");

/** What new requests get while the gateway is ending. */
export const refuseWhileStopping = refuseWhile("stopping");

function refuseWhile(doing: string) {
  return refuseAll(
    new GatewayError("overloaded", `this gateway is ${doing}; send the request again`, {
      headers: { "retry-after": "1" },
    }),
  );
}

const FINISH_WITHIN_MS = 10_000;

/**
 * Settles what is open as it stands, before anything else, because whoever stops a process may not wait
 * for its end. Then lets running requests finish, and what they still have to book; each takes 10 s at
 * most, and what is learnt by then is settled in place of what was known first.
 *
 * @param drain resolves when the running requests are answered
 * @param breakOff cuts those that take too long, where that can be done
 */
export async function finishGateway(
  gateway: RunningGateway,
  drain: () => Promise<void>,
  breakOff: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  gateway.retire("the process was stopped");
  if (!await within(FINISH_WITHIN_MS, drain())) await breakOff();
  await within(FINISH_WITHIN_MS, gateway.idle());
}
