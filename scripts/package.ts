/**
 * `deno task package`: writes the client package as a tarball, as npm installs it. The same sources
 * give the same bytes.
 */
import { Command } from "commander";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { packageFiles } from "./package/files.ts";
import { NAME, VERSION } from "./package/manifest.ts";
import { tarball } from "./package/tarball.ts";

await runCommand(
  new Command("package")
    .description("Write the client package, which npm install takes, and print its path.")
    .option("--out <folder>", "where it is written", "dist")
    .action(async ({ out }: { out: string }) => {
      const bytes = tarball(await packageFiles());
      const path = join(out, `${NAME}-${VERSION}.tgz`);
      await mkdir(out, { recursive: true });
      await writeFile(path, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      console.error(`${bytes.length} bytes, SHA-256 ${sha256}`);
      console.log(path);
    }),
);
