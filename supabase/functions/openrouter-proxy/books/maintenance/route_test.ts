import assert from "node:assert/strict";
import { Hono } from "hono";
import { GatewayError } from "../../errors.ts";
import type { RequestEnv } from "../../http/request_log.ts";
import type { MaintenanceReport } from "./maintenance.ts";
import { createMaintenanceRoute } from "./route.ts";

/** The route, for whoever sends `apikey: operator`. */
function routed() {
  const seen = { budgetsMs: [] as number[], kept: 0 };
  const app = new Hono<RequestEnv>();
  app.post(
    "/maintenance",
    createMaintenanceRoute(
      (headers) =>
        headers.get("apikey") === "operator"
          ? Promise.resolve()
          : Promise.reject(new GatewayError("missing_credentials", "the operator's")),
      (budgetMs) => {
        seen.budgetsMs.push(budgetMs);
        return Promise.resolve({ ran: true } as unknown as MaintenanceReport);
      },
      () => seen.kept++,
    ),
  );
  app.onError((error) => {
    assert.ok(error instanceof GatewayError);
    const { type, message, details } = error;
    return Response.json({ type, message, param: details.param });
  });
  const post = async (query = "", apikey = "operator") => {
    const response = await app.request(`/maintenance${query}`, {
      method: "POST",
      headers: { apikey },
    });
    return await response.json();
  };
  return { post, seen };
}

Deno.test("maintenance runs for a minute, or for as many seconds as are asked for, and answers with its report", async () => {
  const { post, seen } = routed();
  for (const query of ["", "?budget_seconds=1", "?budget_seconds=100"]) {
    assert.deepEqual(await post(query), { success: true, data: { ran: true } });
  }
  assert.deepEqual(seen, { budgetsMs: [60_000, 1_000, 100_000], kept: 3 });
});

for (const bad of ["0", "101", "1.5", "-1", "", "x"]) {
  Deno.test(`maintenance does not run for ${JSON.stringify(bad)} seconds`, async () => {
    const { post, seen } = routed();
    assert.deepEqual(await post(`?budget_seconds=${bad}`), {
      type: "invalid_request",
      message: "budget_seconds must be a whole number from 1 to 100",
      param: "budget_seconds",
    });
    assert.deepEqual(seen.budgetsMs, []);
  });
}

Deno.test("maintenance does not run for two budgets", async () => {
  const { post, seen } = routed();
  assert.deepEqual(await post("?budget_seconds=5&budget_seconds=5"), {
    type: "invalid_request",
    message: "budget_seconds is given twice",
    param: "budget_seconds",
  });
  assert.deepEqual(seen.budgetsMs, []);
});

Deno.test("an isolate that waits for a maintenance that fails is told nothing of it", async () => {
  const kept: Promise<unknown>[] = [];
  const failure = new GatewayError("store_unavailable", "down");
  const route = createMaintenanceRoute(
    () => Promise.resolve(),
    () => Promise.reject(failure),
    (promise) => kept.push(promise),
  );
  const app = new Hono<RequestEnv>();
  app.post("/maintenance", route);
  app.onError((error) => Response.json({ isTold: error === failure }));
  const response = await app.request("/maintenance", { method: "POST" });
  assert.deepEqual(await response.json(), { isTold: true });
  assert.deepEqual(await Promise.all(kept), [undefined]);
});

Deno.test("maintenance runs for nobody but the operator", async () => {
  const { post, seen } = routed();
  assert.equal((await post("", "somebody")).type, "missing_credentials");
  assert.deepEqual(seen.budgetsMs, []);
});
