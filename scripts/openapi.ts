/** `deno task openapi`: writes what `GET /api/v1/openapi.json` answers, docs/openapi.json. */
import { Command } from "commander";
import { join } from "node:path";
import { openApiDocument } from "../supabase/functions/openrouter-proxy/openapi/document.ts";
import { VERSION } from "../supabase/functions/openrouter-proxy/version.ts";
import { runCommand } from "./command.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

const FILE = "docs/openapi.json";
/** As in the documents, the gateway of this project. */
const SERVER = "https://abcdefghijklmnopqrst.supabase.co/functions/v1/openrouter-proxy";

await runCommand(
  new Command("openapi")
    .description(`Write ${FILE}: the gateway's HTTP contract, in OpenAPI 3.1.`)
    .action(async () => {
      const document = openApiDocument({ version: VERSION, server: SERVER });
      await Deno.writeTextFile(
        join(PROJECT_ROOT, FILE),
        `${JSON.stringify(document, null, 2)}\n`,
      );
      console.log(`wrote ${FILE}`);
    }),
);
