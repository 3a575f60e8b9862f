/** How far the function is from its database, and where it would be nearer. */
import { bad, type Check, ok, unchecked } from "../check.ts";
import { errorOf, type Patient } from "../patient.ts";
import { startDatabase, whereVariablesAre } from "../remedies.ts";

/** Where Supabase runs functions: https://supabase.com/docs/guides/functions/regional-invocation */
const REGIONS = [
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "ca-central-1",
  "eu-central-1",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "sa-east-1",
  "us-east-1",
  "us-west-1",
  "us-west-2",
];

/** The first call of an isolate opens its connections, and is not counted where a later one is faster. */
const CALLS = 3;
/** A call makes two round trips, so that this is 40 ms of each call. */
const WORTH_PINNING_MS = 20;

interface Distance {
  region: string | null;
  /** The fastest of some round trips to the database. */
  databaseMs: number;
}

async function measure({ get }: Patient, headers: Record<string, string>): Promise<Distance> {
  let best: Distance | undefined;
  for (let call = 0; call < CALLS; call++) {
    const answer = await get("/api/v1/health?deep=1", headers);
    if (answer.status !== 200) throw new Error(`deep health: ${errorOf(answer)}`);
    const { data } = answer.json as { data: { region?: string | null; database_ms: number } };
    const region = data.region ?? answer.headers.get("x-sb-edge-region");
    if (best === undefined || data.database_ms < best.databaseMs) {
      best = { region, databaseMs: data.database_ms };
    }
  }
  return best!;
}

/** The regions that the platform let the function run in when it was asked to, nearest first. */
async function measureRegions(patient: Patient): Promise<(Distance & { region: string })[]> {
  const measured = await Promise.all(REGIONS.map(async (region) => {
    const distance = await measure(patient, { "x-region": region }).catch(() => null);
    return distance?.region === region ? [{ ...distance, region }] : [];
  }));
  return measured.flat().sort((a, b) => a.databaseMs - b.databaseMs);
}

const pin = (region: string) =>
  `Let clients send "x-region: ${region}", or ?forceFunctionRegion=${region} where they can set no ` +
  `header;\nand look again with --region ${region}.`;

export const distance: Check = {
  name: "distance",
  looksAt: "a round trip from the function to the database, and in which region it is shortest",
  after: ["configured"],
  remedyOfError: (patient) =>
    startDatabase(
      patient,
      "Look at the project in the dashboard: its database or Data API does not answer.",
    ),
  async look(patient) {
    const here = await measure(patient, {});
    const ms = (value: number) => `${value.toFixed(1)} ms`;
    if (here.region === null) return ok(`${ms(here.databaseMs)} to the database`);
    const found = `${ms(here.databaseMs)} from ${here.region} to the database`;
    const [nearest] = await measureRegions(patient);
    if (nearest === undefined || here.databaseMs - nearest.databaseMs < WORTH_PINNING_MS) {
      return ok(`${found}; x-region: ${nearest?.region ?? here.region}`);
    }
    return bad(`${found}, ${ms(nearest.databaseMs)} from ${nearest.region}`, pin(nearest.region));
  },
};

export const managementKey: Check = {
  name: "management key",
  looksAt: "OpenRouter takes the management key that the function has",
  after: ["configured"],
  async look(patient) {
    const answer = await patient.get("/api/v1/health?deep=1");
    if (answer.status !== 200) return unchecked(`deep health: ${errorOf(answer)}`);
    const { management_key: state } = (answer.json as { data: { management_key: string } }).data;
    if (state === "accepted") return ok("OpenRouter accepts the function's");
    if (state === "unknown") {
      return bad("OpenRouter did not say", "Look at https://status.openrouter.ai, and try again.");
    }
    return bad(
      "OpenRouter refuses the function's: no new DID gets a key",
      "Make one under https://openrouter.ai/settings/management-keys, set it as\n" +
        `OPENROUTER_PROVISIONING_KEY ${whereVariablesAre(patient)}, and look again in a minute.`,
    );
  },
};
