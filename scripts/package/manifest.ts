/** package.json of the client package. */
import { VERSION } from "../../supabase/functions/openrouter-proxy/version.ts";

export { VERSION };
export const NAME = "llm-gateway-client";

/** The modules that people import, and their sources below scripts. */
export const ENTRY_POINTS = {
  index: "client/llm_gateway.ts",
  node: "client/node.ts",
} as const;

/** What npm makes the command `did`. */
export const COMMAND = "dist/did.js";

const entry = (name: keyof typeof ENTRY_POINTS) => ({
  types: `./dist/types/${ENTRY_POINTS[name].replace(/\.ts$/, ".d.ts")}`,
  default: `./dist/${name}.js`,
});

/** It has no dependencies: what it needs is bundled. */
export const MANIFEST = {
  name: NAME,
  version: VERSION,
  description:
    "Identities (DIDs), signed requests and tokens for the LLM gateway; the command did.",
  license: "MIT",
  type: "module",
  engines: { node: ">=20" },
  sideEffects: false,
  exports: { ".": entry("index"), "./node": entry("node"), "./package.json": "./package.json" },
  bin: { did: COMMAND },
  files: ["dist", "THIRD_PARTY_LICENSES"],
};
