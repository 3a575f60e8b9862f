/**
 * `deno task dev`: everything on this machine, at Supabase's usual URLs: PostgreSQL, the Data API,
 * the gateway and, while OPENROUTER_PROVISIONING_KEY is unset, a simulator of OpenRouter.
 *
 * Environment, and the option --seed: PORT, DB_PORT and EPHEMERAL as for `deno task stack`, and the gateway's own
 * variables (protocol.md, "Environment"). Prints NAME=value lines on stdout, then one that starts
 * with `ready`, then a signed request to paste.
 *
 * The task's --unstable-no-legacy-abort makes request.signal abort only when a client leaves, as it
 * will for everybody. The gateway does not depend on it: Supabase's runtime has the former behaviour.
 */
import { configFromEnv } from "../supabase/functions/openrouter-proxy/config.ts";
import { gatewayFromEnv } from "../supabase/functions/openrouter-proxy/runtime.ts";
import { startSimulator } from "./simulator/server.ts";
import { printEnvironment, stackEnvironment, stackOptionsFromEnv } from "./stack/command.ts";
import { firstRequest } from "./stack/first_request.ts";
import { finishGateway, GATEWAY_PATH, refuseWhileStopping } from "./stack/gateway.ts";
import { runUntilSignalled } from "./stack/lifetime.ts";
import { randomHex } from "./stack/secrets.ts";
import { startStack } from "./stack/start_stack.ts";

await runUntilSignalled(async (signal) => {
  await using starting = new AsyncDisposableStack();
  const stack = await startStack({ ...stackOptionsFromEnv(), signal });
  starting.defer(stack.stop);

  const openrouter: Record<string, string> = {};
  if (!Deno.env.get("OPENROUTER_PROVISIONING_KEY")) {
    // Its keys live in memory: after a restart the gateway finds its DIDs' keys deleted at
    // OpenRouter, and gives them new ones, as it would there.
    const managementKey = `sk-or-v1-${randomHex(32)}`;
    const simulator = await startSimulator({ managementKey });
    starting.defer(simulator.stop);
    openrouter.OPENROUTER_API_URL = simulator.url;
    openrouter.OPENROUTER_PROVISIONING_KEY = managementKey;
  }

  const environment: Record<string, string> = {
    ...Deno.env.toObject(),
    API_KEY_ENCRYPTION_KEY: Deno.env.get("API_KEY_ENCRYPTION_KEY") || stack.encryptionKey,
    ...stackEnvironment(stack),
    ...openrouter,
  };
  const env = { get: (name: string) => environment[name] };
  const { audience } = configFromEnv(env);
  const gateway = gatewayFromEnv(env);
  const unmount = stack.mount(
    GATEWAY_PATH,
    (request) => gateway.fetch(request),
    refuseWhileStopping,
  );
  starting.defer(() => finishGateway(gateway, unmount));

  const gatewayUrl = stack.url + GATEWAY_PATH;
  const { dataFolder } = stack;
  const { curl, again } = await firstRequest({ dataFolder, gatewayUrl, audience });
  printEnvironment({ ...stackEnvironment(stack), ...openrouter, GATEWAY_URL: gatewayUrl });
  console.log(
    `ready: ${openrouter.OPENROUTER_API_URL ? "OpenRouter is simulated" : "OpenRouter is real"}; ` +
      "Ctrl-C stops everything\n\n" +
      `# A first request, good once and for five minutes:\n${curl}\n\n` +
      `# One more:\n${again}\n`,
  );
  const running = starting.move();
  return { failed: stack.failed, stop: () => running.disposeAsync() };
});
