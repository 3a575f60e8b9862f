/**
 * `deno task dev`: everything on this machine, at Supabase's usual URLs: PostgreSQL, the Data API,
 * the gateway and, while OPENROUTER_PROVISIONING_KEY is unset, a simulator of OpenRouter.
 *
 * Environment, and the option --seed: PORT, DB_PORT and EPHEMERAL as for `deno task stack`, and the
 * gateway's own variables (protocol.md, "Environment"). Prints NAME=value lines on stdout, then one
 * that starts with `ready`, then a signed request to paste.
 *
 * The task's --unstable-no-legacy-abort makes request.signal abort only when a client leaves, as it
 * will for everybody. The gateway does not depend on it: Supabase's runtime has the former behaviour.
 */
import { configFromEnv } from "../supabase/functions/openrouter-proxy/config/config.ts";
import { gatewayFromEnv } from "../supabase/functions/openrouter-proxy/runtime.ts";
import { runCommand } from "./command.ts";
import { shellQuoted } from "./shell_quoted.ts";
import { startSimulator } from "./simulator/server.ts";
import {
  printEnvironment,
  stackCommand,
  stackEnvironment,
  stackOptions,
  writeEnvironment,
} from "./stack/command.ts";
import { firstRequest } from "./stack/first_request.ts";
import {
  finishGateway,
  GATEWAY_PATH,
  refuseWhileStarting,
  refuseWhileStopping,
} from "./stack/gateway.ts";
import { type Running, runUntilSignalled } from "./stack/lifetime.ts";
import type { Variables } from "./stack/printed_environment.ts";
import { randomHex } from "./stack/secrets.ts";
import { startStack } from "./stack/start_stack.ts";

async function start(options: { seed: boolean }, signal: AbortSignal): Promise<Running> {
  await using starting = new AsyncDisposableStack();
  const stack = await startStack({
    ...stackOptions(options),
    untilMounted: { [GATEWAY_PATH]: refuseWhileStarting },
    signal,
  });
  starting.defer(stack.stop);

  const own = stackEnvironment(stack);
  if (!Deno.env.get("API_KEY_ENCRYPTION_KEY")) own.API_KEY_ENCRYPTION_KEY = stack.encryptionKey;
  const isSimulated = !Deno.env.get("OPENROUTER_PROVISIONING_KEY");
  if (isSimulated) {
    // Its keys live in memory: after a restart the gateway finds its DIDs' keys deleted at
    // OpenRouter, and gives them new ones, as it would there.
    const managementKey = `sk-or-v1-${randomHex(32)}`;
    const simulator = await startSimulator({ managementKey, isLasting: true });
    starting.defer(simulator.stop);
    own.OPENROUTER_API_URL = simulator.url;
    own.OPENROUTER_PROVISIONING_KEY = managementKey;
  }

  const { env, given } = gatewayEnvironment(own);
  const { audience } = configFromEnv(env);
  const gateway = gatewayFromEnv(env);
  const unmount = stack.mount(
    GATEWAY_PATH,
    (request) => gateway.fetch(request),
    refuseWhileStopping,
    gateway.onError,
  );
  starting.defer(() => finishGateway(gateway, unmount));

  const gatewayUrl = stack.url + GATEWAY_PATH;
  const { dataFolder } = stack;
  const { curl, again } = await firstRequest({ dataFolder, gatewayUrl, audience });
  const printed = { ...own, GATEWAY_URL: gatewayUrl };
  const file = starting.use(await writeEnvironment(dataFolder, { ...given(), ...printed }));
  printEnvironment(printed);
  console.log(
    `ready: OpenRouter is ${isSimulated ? "simulated" : "real"}; Ctrl-C stops everything\n\n` +
      `# A first request, good once and for five minutes:\n${curl}\n\n` +
      `# One more:\n${again}\n\n` +
      `# In another terminal, what the tasks of operators need:\n. ${shellQuoted(file.path)}\n`,
  );
  const running = starting.move();
  return { failed: stack.failed, stop: () => running.disposeAsync() };
}

/** The stack's variables before this process's; and those of this process that were asked for. */
function gatewayEnvironment(own: Variables) {
  const given: Variables = {};
  function get(name: string): string | undefined {
    if (own[name] !== undefined) return own[name];
    const value = Deno.env.get(name);
    if (value) given[name] = value;
    return value;
  }
  return { env: { get }, given: () => given };
}

const program = stackCommand(
  "dev",
  "Start everything on this machine: Postgres, the Data API, the gateway, and a simulator of " +
    "OpenRouter unless OPENROUTER_PROVISIONING_KEY is set.",
);
await runCommand(
  program.action((options: { seed: boolean }) =>
    runUntilSignalled((signal) => start(options, signal))
  ),
);
