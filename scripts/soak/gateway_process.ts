/**
 * The gateway in a process that tells its memory, and in which one web host is here: the DID documents
 * of SOAK_DID_DOCUMENTS, JSON by their URLs. did:web takes nothing but https on port 443.
 */
const documents: Record<string, unknown> = JSON.parse(Deno.env.get("SOAK_DID_DOCUMENTS") ?? "{}");
const realFetch = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const document = typeof input === "string" ? documents[input] : undefined;
  return document === undefined
    ? realFetch(input, init)
    : Promise.resolve(Response.json(document, { headers: { "cache-control": "no-store" } }));
};

await import("../../supabase/functions/tests/harness/measured_gateway.ts");
