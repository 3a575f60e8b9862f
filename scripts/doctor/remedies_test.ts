import assert from "node:assert/strict";
import type { HostedProject } from "../operator/hosted_project.ts";
import { bad, type Check } from "./check.ts";
import { ManagementError } from "../../supabase/functions/openrouter-proxy/openrouter/management_call.ts";
import { database, migrations } from "./checks/database.ts";
import { distance } from "./checks/distance.ts";
import { provisioning, workspace } from "./checks/openrouter.ts";
import { audience, configured, reachable } from "./checks/reach.ts";
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

/** What is found, and what to do about it. */
async function told(check: Check, patient: Patient): Promise<[detail: string, remedy: string]> {
  const [result] = await examine([{ ...check, after: [] }], patient, () => {});
  assert.equal(result?.state, "bad");
  return result.state === "bad" ? [result.detail, result.remedy] : ["", ""];
}

const fails = () => Promise.reject(new Error("connect ECONNREFUSED"));

Deno.test("a database that does not answer is started here, and looked for in the dashboard elsewhere", async () => {
  const away: Partial<Patient> = { query: fails, get: fails };
  for (const check of [database, distance]) {
    const [, here] = await told(check, ill({ ...away, isLocal: true }));
    assert.match(here, /^Start it: deno task dev, .*\nFor its DATABASE_URL, source the file .*\.$/);
    const [, there] = await told(check, ill(away));
    assert.match(there, /dashboard/);
  }
});

Deno.test("a variable is set where the gateway has its variables", async () => {
  const called: Partial<Patient> = {
    audience: "https://a.example",
    toldAudience: () => Promise.resolve("https://b.example"),
  };
  const [, here] = await told(audience, ill({ ...called, isLocal: true }));
  assert.match(here, /^Set GATEWAY_AUDIENCE=https:\/\/a\.example in the gateway's environment,\n/);
  const [, there] = await told(audience, ill(called));
  assert.match(there, /among the function's secrets,\n/);
});

Deno.test("a management key that OpenRouter does not know is no fault of the workspace's", async () => {
  const knowing = (status: number) =>
    ill({
      variables: {},
      management: {
        listKeys: () => ({
          next: () => Promise.reject(new ManagementError(`GET /keys: status ${status}`, status)),
        }),
      } as unknown as Patient["management"],
    });
  const [detail, remedy] = await told(workspace, knowing(401));
  assert.equal(detail, "OpenRouter does not know OPENROUTER_PROVISIONING_KEY (status 401)");
  assert.match(remedy, /must be a management key/);
  const [other, look] = await told(workspace, knowing(404));
  assert.match(other, /status 404/);
  assert.match(look, /the workspace\nmust be one of the account's/);
});

Deno.test("an OpenRouter that does not answer is no fault of the key's or the workspace's", async () => {
  for (const status of [null, 429, 503]) {
    const fails = () => Promise.reject(new ManagementError("no usable answer", status));
    const patient = ill({
      variables: {},
      mayChange: true,
      management: { listKeys: () => ({ next: fails }), createKey: fails } as unknown as Patient[
        "management"
      ],
    });
    for (const check of [workspace, provisioning]) {
      const [detail, remedy] = await told(check, patient);
      assert.equal(detail, "no usable answer");
      assert.match(
        remedy,
        /^Look whether https:\/\/openrouter\.ai\/api\/v1 can be reached from here/,
      );
    }
  }
});
