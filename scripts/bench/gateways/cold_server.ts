/** The function as it is deployed, on any free port: what a cold start starts. */
import { deployedGateway } from "../../../supabase/functions/openrouter-proxy/runtime.ts";

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`PORT=${port}\nready`),
}, deployedGateway(Deno.env).fetch);
