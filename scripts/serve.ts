/**
 * `deno task serve`: the gateway alone, configured by its environment (protocol.md,
 * "Environment"), on PORT (54321; 0: any free one). Prints GATEWAY_URL=… on stdout, then a line
 * that starts with `ready`. A signal lets running requests finish and be booked.
 *
 * The task's --unstable-no-legacy-abort makes request.signal abort only when a client leaves, as it
 * will for everybody. The gateway does not depend on it: Supabase's runtime has the former behaviour.
 */
import { Command } from "commander";
import { configFromEnv } from "../supabase/functions/openrouter-proxy/config/config.ts";
import { gatewayFromEnv } from "../supabase/functions/openrouter-proxy/runtime.ts";
import { runCommand } from "./command.ts";
import { printEnvironment } from "./stack/command.ts";
import { drainable } from "./stack/drain.ts";
import { finishGateway, GATEWAY_PATH, refuseWhileStopping } from "./stack/gateway.ts";
import { type Running, runUntilSignalled } from "./stack/lifetime.ts";
import { LOOPBACK, portFromEnv, serveHttp } from "./stack/ports.ts";

const HELP = `
Environment:
  PORT  by default 54321; 0: any free one
  The gateway's own variables are in supabase/functions/.env.example.`;

function start(): Running {
  const gateway = gatewayFromEnv(Deno.env);
  gateway.catchUncaught(globalThis);
  const { audience } = configFromEnv(Deno.env);
  const { respond, drain } = drainable(
    (request) => gateway.fetch(request),
    refuseWhileStopping,
  );
  const closing = new AbortController();
  const { onError } = gateway;
  const server = serveHttp(portFromEnv("PORT", 54321), "PORT", closing.signal, respond, onError);
  const close = () => {
    closing.abort();
    return server.finished;
  };
  printEnvironment({ GATEWAY_URL: `http://${LOOPBACK}:${server.port}${GATEWAY_PATH}` });
  console.log(`ready: signatures name the audience ${audience}; Ctrl-C stops the gateway`);
  return {
    failed: server.finished.then(() => new Promise<never>(() => {}), (error) => error),
    stop: () => finishGateway(gateway, drain, close),
  };
}

await runCommand(
  new Command("serve")
    .description("Start the gateway alone, configured by its environment.")
    .addHelpText("after", HELP)
    .action(() => runUntilSignalled(() => Promise.resolve().then(start))),
);
