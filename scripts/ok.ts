/** `deno task ok`: all that must hold of this checkout, one after the other, up to the first that fails. */
import { Command } from "commander";
import { runCommand } from "./command.ts";

const STEPS = [["fmt", "--check"], ["lint"], ["task", "check"], ["task", "test"]];

await runCommand(
  new Command("ok")
    .description("Format, lint, types, tests: up to the first that fails.")
    .action(async () => {
      for (const step of STEPS) {
        const { success } = await new Deno.Command(Deno.execPath(), { args: step }).spawn().status;
        if (!success) throw new Error(`deno ${step.join(" ")} failed`);
      }
    }),
);
