/** Everything that the doctor looks at, in the order of its report. */
import type { Check } from "./check.ts";
import { grants, rowSecurity } from "./checks/access.ts";
import { booked, cost, signedRequest, streaming } from "./checks/calls.ts";
import { database, limits, migrations, storedKeys } from "./checks/database.ts";
import { distance, managementKey } from "./checks/distance.ts";
import { secrets, variables } from "./checks/environment.ts";
import { jobs, maintenance } from "./checks/jobs.ts";
import { guardrail, provisioning, workspace } from "./checks/openrouter.ts";
import { audience, clock, configured, reachable, verifyJwt } from "./checks/reach.ts";

export const CHECKS: readonly Check[] = [
  variables,
  secrets,
  database,
  migrations,
  rowSecurity,
  grants,
  limits,
  storedKeys,
  jobs,
  maintenance,
  reachable,
  verifyJwt,
  configured,
  clock,
  audience,
  distance,
  managementKey,
  workspace,
  guardrail,
  provisioning,
  signedRequest,
  streaming,
  cost,
  booked,
];
