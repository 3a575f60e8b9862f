/** `GET /` and `GET /api/v1/health` (docs/protocol.md, "Health"). */
import type { Context } from "hono";
import { GatewayError } from "../errors.ts";
import { queryOf } from "../http/query_parameters.ts";
import type { KeyState } from "../openrouter/management_key.ts";
import type { Store } from "../store/store.ts";
import { VERSION } from "../version.ts";

export interface HealthDeps {
  store: Pick<Store, "ping">;
  /** Whether OpenRouter takes the management key. */
  keyState: () => Promise<KeyState>;
  /** Where the platform runs this isolate; null: it does not say. */
  region: string | null;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds since any moment, with fractions. */
  elapsedMs: () => number;
}

/** What `?deep=1` adds. */
interface Deep {
  status: "healthy" | "degraded";
  region: string | null;
  database_ms: number;
  management_key: KeyState;
}

/** Makes the handler, which with `?deep=1` also asks the database and OpenRouter. */
export function createHealth(deps: HealthDeps): (c: Context) => Promise<Response> {
  return async (c) => {
    const found = isDeep(c.req.raw.url) ? await look(deps) : {};
    const timestamp = new Date(deps.now()).toISOString();
    const data = { status: "healthy", version: VERSION, timestamp, ...found };
    return c.json({ success: true, data });
  };
}

/** @throws {GatewayError} invalid_request: whoever asks in another spelling must not take it for healthy */
function isDeep(url: string): boolean {
  const told = queryOf(url, ["deep"]).get("deep");
  if (told === null) return false;
  if (told === "1") return true;
  throw new GatewayError("invalid_request", "deep must be 1; leave it out to ask nobody", {
    details: { param: "deep" },
  });
}

/** @throws {StoreUnavailable} */
async function look(
  { store, keyState, region, elapsedMs }: HealthDeps,
): Promise<Deep> {
  const asked = keyState();
  const before = elapsedMs();
  await store.ping();
  const databaseMs = Math.round((elapsedMs() - before) * 100) / 100;
  const state = await asked;
  return {
    // Degraded, not down: DIDs that have a key go on, new ones get none.
    status: state === "refused" ? "degraded" : "healthy",
    region,
    database_ms: databaseMs,
    management_key: state,
  };
}
