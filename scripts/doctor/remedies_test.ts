import assert from "node:assert/strict";
import type { HostedProject } from "../operator/hosted_project.ts";
import { bad, type Check } from "./check.ts";
import { migrations } from "./checks/database.ts";
import { configured, reachable } from "./checks/reach.ts";
import { secrets } from "./checks/environment.ts";
import { examine } from "./examine.ts";
import { SUPABASE } from "../stack/supabase_cli.ts";
import type { Patient } from "./patient.ts";

const REF = "abcdefghijklmnopqrst";

/** A gateway at which nothing is as it should be. */
function ill(given: Partial<Patient>): Patient {
  const answer = { status: 404, headers: new Headers(), text: "", json: { code: "NOT_FOUND" } };
  return {
    gatewayUrl: `https://${REF}.supabase.co/functions/v1/openrouter-proxy`,
    isLocal: false,
    project: {
      ref: REF,
      secretDigests: () => Promise.resolve(new Map()),
    } as unknown as HostedProject,
    file: { OPENROUTER_PROVISIONING_KEY: "x" },
    query: () => Promise.resolve([]),
    migrations: () => Promise.resolve(["20261201000000"]),
    health: () => Promise.resolve({ ...answer, sentAt: 0, receivedAt: 0 }),
    ...given,
  } as Patient;
}

/** The commands of the Supabase CLI that checks tell to run. */
async function commands(checks: Check[], patient: Patient): Promise<string[]> {
  const results = await examine(
    checks.map((check) => ({ ...check, after: [] })),
    patient,
    () => {},
  );
  return results.flatMap((result) => result.state === "bad" ? result.remedy.split("\n") : [])
    .filter((line) => line.includes("supabase@"));
}

Deno.test("what a remedy changes is the project that was looked at, not the one that is linked", async () => {
  const found = await commands([migrations, secrets, reachable, configured], ill({}));
  assert.equal(found.length, 4);
  for (const command of found) assert.match(command, new RegExp(`--remote=${REF}( |$)`));
});

Deno.test("without --remote the database is that of DATABASE_URL, and the project is to be named", async () => {
  const [push, deploy] = await commands([migrations, reachable], ill({ project: null }));
  assert.match(push!, /db push --remote="\$DATABASE_URL"$/);
  assert.match(deploy!, /functions deploy .* --remote=<ref>$/);
});

Deno.test("what cannot be looked at has the remedy of its own gateway", async () => {
  const failing = { ...migrations, look: () => Promise.reject(new Error("away")) };
  const [result] = await examine([{ ...failing, after: [] }], ill({}), () => {});
  assert.deepEqual(
    result,
    { name: "migrations", ...bad("away", `${SUPABASE} db push --remote=${REF}`) },
  );
  const local = await commands([migrations], ill({ isLocal: true }));
  assert.deepEqual(local, []);
});
