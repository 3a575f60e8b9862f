/** Maintenance, asked of the deployed function: what it does is in the function alone. */
import type {
  JobReport,
  MaintenanceReport,
} from "../../supabase/functions/openrouter-proxy/books/maintenance/maintenance.ts";
import { askGateway, type GatewayTarget } from "./gateway_routes.ts";

/** Longer than a run takes: the platform gives up on an answer after 150 s. */
const ANSWER_WITHIN_MS = 160_000;

/** Asks for one run. @throws {Error} in words for the operator */
export async function requestMaintenance(target: GatewayTarget): Promise<MaintenanceReport> {
  const data = await askGateway(target, {
    method: "POST",
    path: "/api/v1/maintenance",
    withinMs: ANSWER_WITHIN_MS,
  });
  return data as unknown as MaintenanceReport;
}

/** A report in lines for people. */
export function reportLines({ ran, jobs, drifts }: MaintenanceReport): string[] {
  if (!ran) return ["another maintenance is running"];
  return [
    ...Object.entries(jobs).map(([name, job]) => `${name}: ${words(job)}`),
    ...drifts.map(({ did, drift_usd, byok_drift_usd, stands_since }) =>
      `drift: ${did}: OpenRouter's sum minus the books' is ${drift_usd} USD, of upstream costs ` +
      `${byok_drift_usd ?? "unknown"} USD, since ${stands_since}`
    ),
  ];
}

function words({ done, left, details = {}, failed, stopped, ms }: JobReport): string {
  if (failed !== undefined && done === undefined) return `failed after ${ms} ms: ${failed}`;
  const more = Object.entries(details).filter(([, count]) => count > 0)
    .map(([name, count]) => `, ${count} ${name.replaceAll("_", " ")}`).join("");
  const why = stopped === undefined ? "" : `, ${stopped.replaceAll("_", " ")}`;
  const but = failed === undefined ? "" : `, ${failed}`;
  return `${done} done, ${left ?? "some"} left${more}${why}${but} (${ms} ms)`;
}

/** What failed in a run, in words. */
export function failuresOf({ jobs }: MaintenanceReport): string[] {
  return Object.entries(jobs).flatMap(([name, { failed }]) =>
    failed === undefined ? [] : [`${name}: ${failed}`]
  );
}

/** What a run that nobody follows up has not compared, in words. */
export function unfinishedIn({ ran, jobs }: MaintenanceReport): string[] {
  if (!ran) return ["another maintenance is running: run this again when it has ended"];
  return Object.entries(jobs).flatMap(([name, { stopped }]) =>
    stopped === undefined
      ? []
      : [`${name}: ${stopped.replaceAll("_", " ")} before it was done; run this again later`]
  );
}
