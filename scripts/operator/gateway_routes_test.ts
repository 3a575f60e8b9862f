import assert from "node:assert/strict";
import { askGateway } from "./gateway_routes.ts";

Deno.test("an answer that is no gateway's is told as such, and not by its good status", async () => {
  for (const body of ["<html>", "{}", '{"data":[]}']) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(body),
    );
    const gatewayUrl = `http://127.0.0.1:${server.addr.port}/f`;
    const asked = { method: "GET", path: "/api/v1/x", withinMs: 600_000 } as const;
    await assert.rejects(askGateway({ gatewayUrl, secretKey: "k" }, asked), {
      message: `what answers GET ${gatewayUrl}/api/v1/x is no gateway: look at GATEWAY_URL`,
    });
  }
});
