/** The suites that `deno test` runs. Types are for `deno task check`, but those of the older Deno. */
import { runChild } from "../stack/child.ts";
import { stackEnvironment } from "../stack/command.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { denoTest } from "./deno_runner.ts";
import { EDGE_DENO, EDGE_DENO_ENV, EDGE_DENO_OPTIONS } from "./edge_deno.ts";
import { sum } from "./outcome.ts";
import type { Suite, SuiteContext } from "./suite.ts";
import { testModules } from "./test_modules.ts";

const FUNCTION = "supabase/functions/openrouter-proxy";
const TEST: [string, ...string[]] = [Deno.execPath(), "test", "-A", "--no-check"];

/** The unit tests of the function, under the Deno that runs this. */
export const unit: Suite = async (context) => {
  await using modules = await testModules(`${PROJECT_ROOT}/${FUNCTION}`, context.isAlone ? 2 : 1);
  const options = context.isAlone ? ["--parallel"] : [];
  return await denoTest([...TEST, ...options, ...modules.paths], context);
};

/** Those of the scripts, some of which start stacks, browsers and whole commands. */
export const scripts: Suite = async (context) =>
  await denoTest([...TEST, "scripts"], context, { STACK_TEMPLATE: await context.template() });

/** The function's types and unit tests under the Deno that Supabase runs it with. */
export const unitOnEdgeDeno: Suite = async (context) => {
  const [npx, ...deno] = EDGE_DENO;
  const { code } = await runChild(npx, [
    ...deno,
    "check",
    ...EDGE_DENO_OPTIONS,
    `${FUNCTION}/index.ts`,
  ], {
    cwd: PROJECT_ROOT,
    env: EDGE_DENO_ENV,
    onOutput: context.write,
    signal: context.signal,
  });
  const typeCheck = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  await using modules = await testModules(`${PROJECT_ROOT}/${FUNCTION}`, 1);
  context.write(`types of ${FUNCTION} ... ${code === 0 ? "ok" : "FAILED"}\n`);
  return sum([
    typeCheck,
    await denoTest(
      [...EDGE_DENO, "test", "-A", "--no-check", ...EDGE_DENO_OPTIONS, ...modules.paths],
      context,
      EDGE_DENO_ENV,
    ),
  ]);
};

const HTTP_TESTS = "supabase/functions/tests";

/** The black-box tests over HTTP, which find the stack by the variables that `deno task stack` prints. */
export const http: Suite = async (context) =>
  await denoTest(
    [...TEST, ...await httpTests((name) => !isMaintenance(name)), BROWSER],
    context,
    await environmentOf(context),
  );

/** Those about finding costs: they look at all accounts, so that each file has a stack of its own. */
export const maintenance: Suite = async (context) =>
  await denoTest([...TEST, ...await httpTests(isMaintenance)], context, {
    STACK_TEMPLATE: await context.template(),
  });

/** Where the shared stack is, and how others are made. */
async function environmentOf({ stack, template }: SuiteContext): Promise<Record<string, string>> {
  return { ...stackEnvironment(await stack()), STACK_TEMPLATE: await template() };
}

const BROWSER = `${HTTP_TESTS}/browser`;
const isMaintenance = (name: string) => name.startsWith("maintenance_");

/** Coding agents by their recipes, headless, against the stack. */
export const agents: Suite = async (context) =>
  await denoTest(
    [...TEST, `${HTTP_TESTS}/agents`],
    context,
    await environmentOf(context),
  );

/** The test files among those over HTTP whose names are like this. */
async function httpTests(isWanted: (name: string) => boolean): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(`${PROJECT_ROOT}/${HTTP_TESTS}`));
  return entries.map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts") && isWanted(name)).sort()
    .map((name) => `${HTTP_TESTS}/${name}`);
}

/** Those that show what a runtime's own server and fetch do to bytes, headers and endings. */
const WIRE_TESTS = [
  "booking",
  "client_disconnect",
  "clients_leaving",
  "endings",
  "endings_other_endpoints",
  "endings_shutdown",
  "endings_timeouts",
  "endpoints",
  "fidelity",
  "headers",
  "paths",
  "request_body",
  "routing_attacks",
  "upstream_failure",
];

/** With the gateway under the Deno that Supabase runs it with. */
export const httpOnEdgeDeno: Suite = async (context) =>
  await denoTest(
    [...TEST, ...WIRE_TESTS.map((name) => `${HTTP_TESTS}/${name}_test.ts`)],
    context,
    { ...await environmentOf(context), GATEWAY_ON_EDGE_DENO: "1" },
  );
