import assert from "node:assert/strict";

/**
 * The house from the top down: what each room imports, which is always further down. `parts.ts` joins
 * all of them. What has no row here is imported by tests alone.
 */
const IMPORTS: Record<string, string[]> = {
  "index.ts": ["runtime.ts"],
  "runtime.ts": ["gateway.ts", "http", "store", "config", "log", "errors.ts"],
  "gateway.ts": ["parts.ts", "usage", "openapi", "policy", "http", "errors.ts"],
  "parts.ts": [
    "usage",
    "health",
    "call",
    "books",
    "accounts",
    "auth",
    "policy",
    "openrouter",
    "http",
    "store",
    "config",
    "log",
  ],
  "openapi": ["usage", "call", "books", "policy", "http", "errors.ts", "version.ts"],
  "usage": ["call", "accounts", "http", "store", "config", "errors.ts", "bytes"],
  "health": ["openrouter", "http", "store", "errors.ts", "version.ts"],
  "call": [
    "books",
    "accounts",
    "auth",
    "policy",
    "metering",
    "openrouter",
    "http",
    "store",
    "config",
    "errors.ts",
    "bytes",
    "concurrency",
  ],
  "books": [
    "accounts",
    "metering",
    "openrouter",
    "http",
    "store",
    "log",
    "errors.ts",
    "bytes",
    "concurrency",
  ],
  "accounts": ["openrouter", "http", "store", "errors.ts", "bytes", "concurrency"],
  "auth": ["errors.ts", "bytes", "concurrency"],
  "policy": ["errors.ts", "bytes", "concurrency"],
  "metering": ["openrouter", "bytes"],
  "openrouter": ["errors.ts", "bytes", "concurrency"],
  "http": ["log", "errors.ts", "bytes", "concurrency"],
  "store": ["database.types.ts", "errors.ts", "bytes", "concurrency"],
  "config": ["log", "bytes"],
  "log": ["bytes"],
  "database.types.ts": [],
  "errors.ts": [],
  "version.ts": [],
  "bytes": ["concurrency"],
  "concurrency": [],
};

const HERE = new URL("./", import.meta.url);
const IMPORT = /\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

/** The modules of the product below a folder, by their URLs. */
async function modulesIn(folder: URL): Promise<URL[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const modules = await Promise.all(entries.map(async ({ name, isDirectory }) => {
    if (isDirectory) return await modulesIn(new URL(`${name}/`, folder));
    return /(?<!_test)\.ts$/.test(name) ? [new URL(name, folder)] : [];
  }));
  return modules.flat();
}

/** A folder of the function, or a file that is in none. */
function roomOf(module: URL): string {
  assert.ok(module.href.startsWith(HERE.href), `${module} is no part of what is deployed`);
  return module.href.slice(HERE.href.length).split("/")[0]!;
}

/** Room → the other rooms that it imports. */
async function importsOfRooms(): Promise<Map<string, Set<string>>> {
  const rooms = new Map<string, Set<string>>();
  for (const module of await modulesIn(HERE)) {
    const room = roomOf(module);
    if (room === "testing") continue;
    const imported = rooms.get(room) ?? new Set();
    rooms.set(room, imported);
    for (const [, specifier] of (await Deno.readTextFile(module)).matchAll(IMPORT)) {
      const other = roomOf(new URL(specifier!, module));
      if (other !== room) imported.add(other);
    }
  }
  return rooms;
}

Deno.test("each room imports the rooms that the table says, and no other", async () => {
  const found = await importsOfRooms();
  const told = Object.entries(IMPORTS).map(([room, imported]) => [room, imported.toSorted()]);
  assert.deepEqual(
    Object.fromEntries([...found].map(([room, imported]) => [room, [...imported].sort()])),
    Object.fromEntries(told),
  );
});

Deno.test("imports point one way: down the table", () => {
  const rooms = Object.keys(IMPORTS);
  for (const [room, imported] of Object.entries(IMPORTS)) {
    const up = imported.filter((other) => rooms.indexOf(other) <= rooms.indexOf(room));
    assert.deepEqual(up, [], `${room} imports what is further up`);
  }
});
