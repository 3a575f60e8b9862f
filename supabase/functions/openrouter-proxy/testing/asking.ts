/** Requests of which only matters what they ask for. */
import { orderOf } from "../call/order.ts";
import { utf8 } from "../bytes/encodings.ts";
import type { Asks } from "../policy/asks.ts";
import { openedBy } from "../policy/endpoints.ts";

/** What a POST with this body asks for. @param body JSON where it is a text; an object becomes JSON */
export async function asked(body: unknown, path = "/chat/completions"): Promise<Asks> {
  const { asks } = await ordered(body, path);
  if (asks === null) throw new Error(`${path} costs nothing`);
  return asks;
}

/** What a POST with this body reaches of what is shared: `feature at param`. */
export async function reachedAt(body: unknown, path: string): Promise<string[]> {
  const { sharedFeatures } = await ordered(body, path);
  return sharedFeatures.map(({ feature, param }) => `${feature} at ${param}`);
}

async function ordered(body: unknown, path: string) {
  const request = new Request("https://gateway.example/", {
    method: "POST",
    body: body instanceof FormData
      ? body
      : utf8(typeof body === "string" ? body : JSON.stringify(body)),
  });
  const bytes = new Uint8Array(await request.arrayBuffer());
  const opened = openedBy("POST", { path, search: "" }, ["/extra"]);
  return orderOf(opened, request.headers, bytes);
}
