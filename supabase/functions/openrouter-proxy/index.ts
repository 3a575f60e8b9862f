import { deployedGateway } from "./runtime.ts";

const gateway = deployedGateway(Deno.env);
gateway.catchUncaught(globalThis);
Deno.serve({ onError: gateway.onError }, gateway.fetch);
