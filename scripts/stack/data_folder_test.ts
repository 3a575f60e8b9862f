import assert from "node:assert/strict";
import { openDataFolder, temporaryDataFolder } from "./data_folder.ts";

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

Deno.test("a temporary data folder is gone when it is disposed", async () => {
  let path;
  {
    await using folder = await temporaryDataFolder();
    path = folder.path;
    assert.ok((await Deno.stat(path)).isDirectory);
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});
