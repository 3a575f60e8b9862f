import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Patient } from "../patient.ts";
import { secrets, variables } from "./environment.ts";

const look = (patient: Partial<Patient>) =>
  variables.look({ gatewayUrl: "https://h.example/f", file: null, ...patient } as Patient);

Deno.test("a secret key alone, which operators' commands take, is no bad variable of the function's", async () => {
  const known = { API_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"), OTHER: "x" };
  for (
    const key of ["sb_secret_0123456789abcdef", "", '{"default":"sb_secret_0123456789abcdef"}']
  ) {
    const { state, detail } = await look({ variables: { ...known, SUPABASE_SECRET_KEYS: key } });
    assert.deepEqual([state, detail.includes("API_KEY_ENCRYPTION_KEY")], ["ok", true], detail);
  }
  const broken = await look({ variables: { ...known, SUPABASE_SECRET_KEYS: "{" } });
  assert.deepEqual([broken.state, /^SUPABASE_SECRET_KEYS must/.test(broken.detail)], ["bad", true]);
});

Deno.test("what the file has empty may be missing in the project, and nothing else", async () => {
  const digests = new Map([["A", "another's"]]);
  const project = { secretDigests: () => Promise.resolve(digests) } as Patient["project"];
  const file = { A: "", B: "", C: "3" };
  const { detail } = await secrets.look({ project, file, isLocal: false } as unknown as Patient);
  assert.equal(detail, "C is not set; A is not the file's");
});
