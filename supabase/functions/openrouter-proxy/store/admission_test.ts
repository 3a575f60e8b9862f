import assert from "node:assert/strict";
import { admissionMembers } from "./admission.ts";
import { anAdmissionRequest } from "../testing/admissions.ts";

Deno.test("an admission has all of a request", () => {
  const request = anAdmissionRequest({
    requestId: "r",
    model: "a/b",
    streaming: true,
    replay: { hash: "ab", expiresAt: new Date("2026-11-22T10:06:00Z") },
    ownedGenerations: ["gen-1"],
    sharedFeatures: [{ feature: "presets", param: "model" }],
    serverTools: [{ name: "web_search", param: "tools[0]" }],
    idempotency: { key: "k", bodyHash: "cd" },
    models: ["a/b", "c/d"],
    runsUnnamed: "a router",
    freeModel: true,
    estimate: [{ usd: "0.1" }],
    session: "s",
    label: "l",
  });
  assert.deepEqual(admissionMembers(request), {
    request_id: "r",
    did: "did:key:z6Mk",
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    model: "a/b",
    streaming: true,
    message_hash: "ab",
    message_expires_at: "2026-11-22T10:06:00.000Z",
    token_issued_at: null,
    owned_generations: ["gen-1"],
    shared_features: ["presets"],
    server_tools: ["web_search"],
    may_lack_key: true,
    idempotency_key: "k",
    body_hash: "cd",
    models: ["a/b", "c/d"],
    runs_unnamed: "a router",
    free_model: true,
    estimate: [{ usd: "0.1" }],
    session: "s",
    label: "l",
  });
});

Deno.test("an admission by a token has neither a message nor an Idempotency-Key", () => {
  const members = admissionMembers(
    anAdmissionRequest({
      method: "GET",
      metered: false,
      tokenIssuedAt: new Date("2026-11-22T10:00:00Z"),
    }),
  );
  const { message_hash, message_expires_at, idempotency_key, body_hash } = members;
  assert.deepEqual(
    [message_hash, message_expires_at, idempotency_key, body_hash],
    [null, null, null, null],
  );
  assert.deepEqual([members.method, members.metered, members.streaming], ["GET", false, false]);
  assert.equal(members.token_issued_at, "2026-11-22T10:00:00.000Z");
});
