/** `deno task sbom`: writes the function's software bill of materials, docs/sbom.cdx.json. */
import { Command } from "commander";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { functionBillOfMaterials, SBOM_FILE } from "./dependencies/function.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

await runCommand(
  new Command("sbom")
    .description(`Write ${SBOM_FILE}: what the function is made of, in CycloneDX's JSON.`)
    .action(async () => {
      await Deno.writeTextFile(join(PROJECT_ROOT, SBOM_FILE), await functionBillOfMaterials());
      console.log(`wrote ${SBOM_FILE}`);
    }),
);
