import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createCluster, removeUnfinished } from "./create_cluster.ts";

async function namesIn(folder: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
}

Deno.test("createCluster leaves nothing behind when it is interrupted", async () => {
  const folder = await Deno.makeTempDir();
  const interruption = new AbortController();
  try {
    const creating = createCluster({
      directory: join(folder, "postgres"),
      superuser: "supabase_admin",
      password: "x",
      durable: false,
      signal: interruption.signal,
    });
    while ((await namesIn(folder)).length === 0) {
      await sleep(1);
    }
    interruption.abort(new Error("interrupted"));
    await assert.rejects(creating, /interrupted/);
    assert.deepEqual(await namesIn(folder), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("removeUnfinished removes what a killed attempt left, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["postgres", "postgres.unfinished-ab12"]) {
      await Deno.mkdir(join(folder, name, "base"), { recursive: true });
    }
    await Deno.writeTextFile(join(folder, "postgres.unfinished-ab12.password"), "x");
    await removeUnfinished(join(folder, "postgres"));
    assert.deepEqual(await namesIn(folder), ["postgres"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
