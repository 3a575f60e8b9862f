/** Whether the function answers, and as itself. */
import { VERSION } from "../../../supabase/functions/openrouter-proxy/version.ts";
import { bad, type Check, type Finding, ok } from "../check.ts";
import { type Answer, errorOf, type Patient } from "../patient.ts";
import { deployFunction, setSecrets, whereVariablesAre } from "../remedies.ts";

/**
 * Whether the gateway itself answered: the platform in front of it has no x-request-id, other programs
 * have not the gateway's shape.
 */
const isOurs = ({ headers, json }: Answer) =>
  headers.has("x-request-id") && typeof json.success === "boolean";

/** Supabase's own answers tell a `code`, or, of a JWT that is missing, a `msg`. */
const isPlatforms = ({ json }: Answer) => "code" in json || "msg" in json;

/** What answers instead of the gateway. */
function stranger(answer: Answer, patient: Patient): Finding {
  const { gatewayUrl, isLocal } = patient;
  const { status, headers } = answer;
  const location = headers.get("location");
  if (location !== null && status >= 300 && status < 400) {
    return bad(
      `${gatewayUrl} sends callers on to ${location}`,
      "Let GATEWAY_URL be the URL that it leads to, without /api/v1/health: a signature holds for one URL.",
    );
  }
  if (isPlatforms(answer) && status !== 404) {
    return bad(
      `what answers at ${gatewayUrl} is not the gateway: ${errorOf(answer)}`,
      "Look at the function's log in the dashboard: Edge Functions, openrouter-proxy, Logs.",
    );
  }
  if (status === 404) {
    return bad(
      `there is no function at ${gatewayUrl}`,
      isLocal && !isPlatforms(answer)
        ? "Look at GATEWAY_URL, or start it: deno task dev"
        : `Deploy it: ${deployFunction(patient)}`,
    );
  }
  return bad(
    `another program answers at ${gatewayUrl}: ${errorOf(answer)}`,
    "Look at GATEWAY_URL, and at what stands in front of the gateway.",
  );
}

export const reachable: Check = {
  name: "reachable",
  looksAt: "something answers at the gateway's URL",
  remedyOfError: "Look at GATEWAY_URL, or --remote, and whether the gateway runs.",
  async look(patient) {
    const answer = await patient.health();
    const asksForJwt = answer.status === 401 && isPlatforms(answer);
    if (isOurs(answer) || asksForJwt) return ok(patient.gatewayUrl);
    return stranger(answer, patient);
  },
};

export const verifyJwt: Check = {
  name: "verify_jwt",
  looksAt: "the platform lets requests without a Supabase JWT through to the gateway",
  after: ["reachable"],
  async look(patient) {
    const answer = await patient.health();
    if (isOurs(answer)) return ok("off: the gateway verifies DIDs itself");
    return bad(
      `on: the platform asks for a JWT of its own (${errorOf(answer)})`,
      "Let supabase/config.toml say, below [functions.openrouter-proxy]: verify_jwt = false\n" +
        `and deploy again, without flags of before: ${deployFunction(patient)}`,
    );
  },
};

export const configured: Check = {
  name: "configured",
  looksAt: "the function's environment is usable",
  after: ["verify_jwt"],
  async look(patient) {
    const answer = await patient.health();
    const { data } = answer.json as { data?: { version?: string } };
    if (answer.status !== 200) {
      return bad(
        errorOf(answer),
        "The function's log names each variable that is missing or bad. Set them with\n" +
          setSecrets(patient),
      );
    }
    if (data?.version === VERSION) return ok(`version ${VERSION}`);
    return bad(
      `version ${data?.version} runs there, and this checkout is ${VERSION}`,
      `Deploy it: ${deployFunction(patient)}\nOr use the checkout that it was deployed from.`,
    );
  },
};

/** A quarter of what the gateway allows a clock to be ahead, so that there is time left. */
const MAX_SKEW_MS = 15_000;

export const clock: Check = {
  name: "clock",
  looksAt: "this machine's clock and the gateway's agree: signatures hold for five minutes",
  after: ["configured"],
  async look({ health }) {
    const { json, sentAt, receivedAt } = await health();
    const { timestamp } = (json as { data: { timestamp: string } }).data;
    const skewMs = (sentAt + receivedAt) / 2 - Date.parse(timestamp);
    // What the way of the request took may be all on one side.
    const isCertain = Math.abs(skewMs) - (receivedAt - sentAt) / 2 > MAX_SKEW_MS;
    const seconds = `${Math.abs(skewMs / 1000).toFixed(1)} s`;
    if (!isCertain) return ok(`${seconds} apart`);
    return bad(
      `this machine is ${seconds} ${skewMs > 0 ? "ahead of" : "behind"} the gateway`,
      "Set this machine's clock by NTP: what it signs is refused when it is 60 s ahead or 300 s behind.",
    );
  },
};

const OWN_URL = "Let GATEWAY_AUDIENCE be the URL that clients call the gateway at.";

export const audience: Check = {
  name: "audience",
  looksAt: "signatures and tokens name the URL that clients call, and it leads to the gateway",
  after: ["configured"],
  remedyOfError: OWN_URL,
  async look(patient) {
    const { toldAudience, audience: expected, gatewayUrl, fetch } = patient;
    const told = await toldAudience();
    if (told !== expected) {
      return bad(
        `the gateway takes ${told} for its name, and clients would sign for ${expected}`,
        `Set GATEWAY_AUDIENCE=${expected} ${whereVariablesAre(patient)},\n` +
          `or tell clients the audience ${told}.`,
      );
    }
    if (told !== gatewayUrl) {
      const response = await fetch(`${told}/api/v1/health`);
      await response.body?.cancel();
      if (response.status !== 200 || !response.headers.has("x-request-id")) {
        return bad(`${told} does not lead to the gateway`, OWN_URL);
      }
    }
    return ok(told);
  },
};
