import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataFolder, temporaryDataFolder } from "./data_folder.ts";
import { supabaseCli } from "./supabase_cli.ts";

Deno.test("a data folder is for one stack at a time, and keeps its secrets", async () => {
  const path = await Deno.makeTempDir();
  try {
    let made;
    {
      await using folder = await openDataFolder(path);
      made = folder.secrets;
      await assert.rejects(openDataFolder(path), {
        name: "StackError",
        message: /another stack uses/,
      });
    }
    await using folder = await openDataFolder(path);
    assert.deepEqual(folder.secrets, made);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("a data folder that cannot be made is told by its path, with what to do", async () => {
  const file = await Deno.makeTempFile();
  try {
    // As root is, who may write everywhere.
    await assert.rejects(openDataFolder(join(file, "below")), ({ name, message }: Error) => {
      assert.equal(name, "StackError");
      assert.ok(message.includes(`the data folder ${join(file, "below")} cannot be used: `));
      assert.match(message, /EPHEMERAL=1/);
      return true;
    });
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("temporary files that have no folder are told of, with what to do", async () => {
  const { makeTempDir } = Deno;
  Deno.makeTempDir = () => Promise.reject(Object.assign(new Error("denied"), { code: "EACCES" }));
  try {
    // The Supabase CLI's, too, which every stack and deployment starts.
    for (const use of [() => temporaryDataFolder(), () => supabaseCli(["--version"])]) {
      await assert.rejects(use(), {
        name: "StackError",
        message: /the folder of temporary files cannot be used: denied\nName one .* TMPDIR/,
      });
    }
  } finally {
    Deno.makeTempDir = makeTempDir;
  }
});

Deno.test("a temporary data folder is gone when it is disposed", async () => {
  let path;
  {
    await using folder = await temporaryDataFolder();
    path = folder.path;
    assert.ok((await Deno.stat(path)).isDirectory);
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("a temporary data folder begins as a copy of the template's database and secrets", async () => {
  await using template = await temporaryDataFolder();
  await Deno.mkdir(template.cluster, { mode: 0o700 });
  await Deno.writeTextFile(join(template.cluster, "PG_VERSION"), "17\n");
  await Deno.writeTextFile(template.logFile, "of the template\n");
  await using folder = await temporaryDataFolder(template.path);
  assert.deepEqual(folder.secrets, template.secrets);
  const names = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  assert.deepEqual(names.sort(), ["postgres", "secrets.json"]);
  assert.equal(await Deno.readTextFile(join(folder.cluster, "PG_VERSION")), "17\n");
  assert.equal((await Deno.stat(folder.cluster)).mode! & 0o777, 0o700);
  await assert.rejects(temporaryDataFolder(join(template.path, "nothing")), {
    name: "StackError",
    message: /could not be copied/,
  });
});
