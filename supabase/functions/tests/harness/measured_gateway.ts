/**
 * The gateway alone, as scripts/serve.ts serves it, in a process that tells its memory: GET at
 * MEMORY_URL, with `?collect` after collecting all garbage. Needs --v8-flags=--expose-gc.
 */
declare const gc: () => void;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`MEMORY_URL=http://127.0.0.1:${port}/`),
}, ({ url }) => {
  if (new URL(url).searchParams.has("collect")) gc();
  return Response.json(Deno.memoryUsage());
});
await import("../../../../scripts/serve.ts");
