/** The least that a proxy in Deno can do, as a measure for the gateway: fetch → Response. */
const upstream = Deno.env.get("UPSTREAM_URL")!;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`PASSTHROUGH_URL=http://127.0.0.1:${port}\nready`),
}, async (request) => {
  const { method, headers, body } = request;
  const path = new URL(request.url).pathname;
  const answer = await fetch(upstream + path, { method, headers, body });
  return new Response(answer.body, { status: answer.status, headers: answer.headers });
});
