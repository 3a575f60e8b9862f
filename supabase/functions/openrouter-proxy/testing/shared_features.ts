/** What bodies reach of what is shared. */
import { utf8 } from "../bytes/encodings.ts";
import { readCallBody } from "../policy/call_body.ts";
import { toBeOpened } from "../policy/shared_features.ts";

export function read(body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readCallBody(utf8(text), { body: "json", data: [] })!;
}

/** What a body reaches: `feature at param`. */
export function reached(body: unknown): string[] {
  return toBeOpened(read(body).sharedFeatures, false).map(({ feature, param }) =>
    `${feature} at ${param}`
  );
}

/** As if a tool's own code were deep inside. */
export function fusion(tools: unknown[]) {
  return { tools: [{ type: "openrouter:fusion", parameters: { tools } }] };
}
