import assert from "node:assert/strict";
import { UsageError } from "./command.ts";
import { runOperatorCommand } from "./operator/testing.ts";
import { expectWritable } from "./writable.ts";

Deno.test("expectWritable takes a new file, one that is there, a device, and none, and leaves them as they are", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/old.html`, "old");
    for (const output of [`${folder}/new.html`, `${folder}/old.html`, "/dev/null", undefined]) {
      await expectWritable(output);
    }
    assert.equal(await Deno.readTextFile(`${folder}/old.html`), "old");
    assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("expectWritable refuses a folder, what is in none that is there, and what is in a file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    for (const output of [folder, `${folder}/none/new.html`, `${folder}/file/new.html`]) {
      await assert.rejects(expectWritable(output), (error) => {
        assert.ok(error instanceof UsageError);
        assert.ok(error.message.startsWith(`${output} cannot be written: `), error.message);
        return true;
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("reports that cannot be written fail before anybody is asked", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const output = `${folder}/none/report.html`;
    const env = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/postgres" };
    for (
      const [script, ...args] of [["report.ts"], ["did.ts", "usage", "--file", `${folder}/no`]]
    ) {
      const { code, stdout, stderr } = await runOperatorCommand(
        script!,
        [...args, "--output", output],
        env,
      );
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, new RegExp(`^error: ${output} cannot be written: [^\n]+\n$`));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
