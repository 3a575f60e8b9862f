/** The operator's account at OpenRouter. */
import { ManagementError } from "../../../supabase/functions/openrouter-proxy/openrouter/management_call.ts";
import { bad, type Check, type Finding, ok, unchecked } from "../check.ts";
import { OPENROUTER_URL, type Patient } from "../patient.ts";
import { whereFrom } from "../remedies.ts";

const noKey = ({ isLocal }: Patient) =>
  `OPENROUTER_PROVISIONING_KEY is not known here: ${whereFrom(isLocal)}`;
/** Not the name of a DID's key, so that `reconcile keys` never takes it for an orphan. */
const KEY_NAME = "the LLM gateway's doctor";
/** It is deleted at once, and could spend no more than this. */
const LIMIT = { creditLimit: "0.01", creditLimitReset: null };

const NEW_KEY = "OPENROUTER_PROVISIONING_KEY must be a management key, not one for calls:\n" +
  "https://openrouter.ai/settings/management-keys";

/** What is the fault of no key and no workspace: no usable answer, too many calls, an error of OpenRouter's. */
function unreached(error: unknown, { variables }: Patient): Finding | null {
  if (!(error instanceof ManagementError)) return null;
  const { status, message } = error;
  if (status !== null && status !== 429 && status < 500) return null;
  return bad(
    message,
    `Look whether ${variables.OPENROUTER_API_URL ?? OPENROUTER_URL} can be reached from here,\n` +
      "and at https://status.openrouter.ai; then try again.",
  );
}

export const workspace: Check = {
  name: "workspace",
  looksAt: "OPENROUTER_WORKSPACE_ID exists, and its keys can be listed",
  remedyOfError:
    "Look at OPENROUTER_WORKSPACE_ID and OPENROUTER_PROVISIONING_KEY: the workspace\n" +
    "must be one of the account's, https://openrouter.ai/workspaces.",
  async look(patient) {
    const { management, variables } = patient;
    if (management === null) return unchecked(noKey(patient));
    try {
      await management.listKeys().next();
    } catch (error) {
      const finding = unreached(error, patient);
      if (finding !== null) return finding;
      if (!(error instanceof ManagementError) || error.status !== 401) throw error;
      return bad("OpenRouter does not know OPENROUTER_PROVISIONING_KEY (status 401)", NEW_KEY);
    }
    const id = variables.OPENROUTER_WORKSPACE_ID;
    return ok(id === undefined ? "none is set: the account's default one" : id);
  },
};

export const guardrail: Check = {
  name: "guardrail",
  looksAt: "OPENROUTER_GUARDRAIL_ID exists",
  after: ["workspace"],
  remedyOfError: "Look at https://openrouter.ai, or try again.",
  async look({ variables, fetch }) {
    const id = variables.OPENROUTER_GUARDRAIL_ID;
    if (id === undefined) return ok("none is set");
    const url = variables.OPENROUTER_API_URL ?? OPENROUTER_URL;
    const response = await fetch(`${url}/guardrails/${encodeURIComponent(id)}`, {
      headers: { authorization: `Bearer ${variables.OPENROUTER_PROVISIONING_KEY}` },
    });
    await response.body?.cancel();
    if (response.ok) return ok(id);
    return bad(
      `OpenRouter answers with status ${response.status} to guardrail ${id}`,
      "Set OPENROUTER_GUARDRAIL_ID to one of the account's guardrails, or unset it:\n" +
        "no new DID gets a key before.",
    );
  },
};

export const provisioning: Check = {
  name: "provisioning key",
  looksAt: "it makes a key, puts it under the guardrail, and deletes it",
  after: ["workspace", "guardrail"],
  remedyOfError: NEW_KEY,
  async look(patient) {
    const { management, variables, mayChange } = patient;
    if (management === null) return unchecked(noKey(patient));
    if (!mayChange) return unchecked("--read-only");
    try {
      await makeAndDelete(management, variables.OPENROUTER_GUARDRAIL_ID);
    } catch (error) {
      const finding = unreached(error, patient);
      if (finding === null) throw error;
      return finding;
    }
    return ok("made a key and deleted it");
  },
};

async function makeAndDelete(
  management: NonNullable<Patient["management"]>,
  guardrailId: string | undefined,
): Promise<void> {
  const { hash } = await management.createKey(KEY_NAME, LIMIT);
  try {
    if (guardrailId !== undefined) await management.assignGuardrail(guardrailId, hash);
  } finally {
    await management.deleteKey(hash).catch((error) => {
      if (!(error instanceof ManagementError)) throw error;
      throw new Error(`${error.message}; delete the key "${KEY_NAME}" by hand`);
    });
  }
}
