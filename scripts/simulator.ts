/**
 * Runs the simulator of OpenRouter alone: `deno run -A scripts/simulator.ts`.
 *
 * Environment: `OPENROUTER_PROVISIONING_KEY` (required), the management key; `PORT`, by default any
 * free one; `SIMULATOR_GENERATION_DELAY_MS`, by default 0.
 *
 * Prints `OPENROUTER_API_URL=…`, then a line that starts with `ready`.
 */
import { Command } from "commander";
import { runCommand, UsageError } from "./command.ts";
import { startSimulator } from "./simulator/server.ts";

const HELP = `
Environment:
  OPENROUTER_PROVISIONING_KEY    any text: the simulator's management key
  PORT                           by default any free one
  SIMULATOR_GENERATION_DELAY_MS  until a generation can be asked for, by default 0`;

function wholeNumber(name: string): number {
  const value = Deno.env.get(name) || "0";
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new UsageError(`${name} must be a whole number`);
}

await runCommand(
  new Command("simulator")
    .description("Run the simulator of OpenRouter alone.")
    .addHelpText("after", HELP)
    .action(async () => {
      const managementKey = Deno.env.get("OPENROUTER_PROVISIONING_KEY");
      if (!managementKey) {
        throw new UsageError(
          "OPENROUTER_PROVISIONING_KEY is not set: any text, the simulator's management key",
        );
      }
      const { url } = await startSimulator({
        managementKey,
        isLasting: true,
        port: wholeNumber("PORT"),
        generationDelayMs: wholeNumber("SIMULATOR_GENERATION_DELAY_MS"),
      });
      console.log(`OPENROUTER_API_URL=${url}`);
      console.log("ready: OpenRouter, simulated");
    }),
);
