/** Query parameters that several routes of usage have. */
import { assertName, type Origin } from "../call/origin.ts";
import { GatewayError } from "../errors.ts";

/** What chooses requests by what they belong to. */
export const ORIGIN_PARAMETERS = ["session", "label"] as const;

/** @throws {GatewayError} invalid_request for what is no session's or label's name */
export function originParameters(query: URLSearchParams): Origin {
  const [session, label] = ORIGIN_PARAMETERS.map((name) => {
    const value = query.get(name);
    if (value === "") {
      throw new GatewayError("invalid_request", `${name} is empty; leave it out for all requests`, {
        details: { param: name },
      });
    }
    return value === null ? null : assertName(name, value);
  });
  return { session: session!, label: label! };
}
