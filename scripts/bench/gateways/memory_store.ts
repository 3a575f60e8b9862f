/**
 * A Data API that answers from memory what a gateway asks of Postgres for a call: what is left of a
 * gateway's time is its own. `SEALED_KEY`: the envelope of the DID's key.
 */
const admitted = {
  decision: "admitted",
  encrypted_api_key: Deno.env.get("SEALED_KEY")!,
  openrouter_key_hash: "ab".repeat(32),
  request_time: "2026-11-27T04:00:00.123456+00:00",
  new_limit: null,
  rate: { limit: 1_000_000, remaining: 999_999, reset_ms: 1, retry_after_ms: 0 },
  remaining_usd: "1.2345",
};
const settled = { settled: true, total_cost: "0.000007765", left_out: null };

type Arguments = Record<string, string>;

function forEach(items: string, answer: unknown): unknown {
  return Object.fromEntries(
    JSON.parse(items).map(({ request_id }: { request_id: string }) => [request_id, answer]),
  );
}

const FUNCTIONS: Record<string, (args: Arguments) => unknown> = {
  admit_request: () => admitted,
  settle_request: () => settled,
  admit_requests: ({ p_admissions }) => forEach(p_admissions!, admitted),
  settle_requests: ({ p_settlements }) => forEach(p_settlements!, settled),
};

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`SUPABASE_URL=http://127.0.0.1:${port}\nready`),
}, async (request) => {
  const name = new URL(request.url).pathname.split("/").at(-1)!;
  return Response.json(FUNCTIONS[name]?.(await request.json()) ?? null);
});
