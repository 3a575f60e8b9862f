/** Supabase's Management API, as far as a deployment by the real CLI asks for it. */
import { join } from "node:path";
import { digestOf } from "../../../../scripts/doctor/checks/environment.ts";

/** A project that exists at this server alone. */
export const REF = "abcdefghijklmnopqrst";

/** What `functions deploy` sent. */
export interface Upload {
  metadata: Record<string, unknown>;
  /** Bytes by path. */
  files: Map<string, number>;
}

export interface ManagementApi {
  /** What makes the CLI ask here: a profile, a login. */
  env: Record<string, string>;
  secrets: Map<string, string>;
  uploads: Upload[];
  /** Statements that may write, which are only noted. */
  statements: string[];
  /** The requests that changed something, in order. */
  changes: string[];
  stop(): Promise<void>;
}

/** @param query answers statements that only read */
export async function startManagementApi(
  query: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<ManagementApi> {
  const secrets = new Map<string, string>();
  const uploads: Upload[] = [];
  const statements: string[] = [];
  const changes: string[] = [];

  const routes: Record<string, (request: Request) => Promise<Response> | Response> = {
    [`GET /v1/projects/${REF}`]: () =>
      Response.json({
        id: REF,
        ref: REF,
        organization_id: "organization",
        organization_slug: "organization",
        name: "gateway",
        region: "eu-central-1",
        created_at: "2026-11-01T00:00:00Z",
        status: "ACTIVE_HEALTHY",
        database: {
          host: `db.${REF}.supabase.co`,
          version: "17.4.1",
          postgres_engine: "17",
          release_channel: "ga",
        },
      }),
    [`GET /v1/projects/${REF}/secrets`]: () =>
      Response.json([...secrets].map(([name, value]) => ({ name, value: digestOf(value) }))),
    [`POST /v1/projects/${REF}/secrets`]: async (request) => {
      for (const { name, value } of await request.json()) secrets.set(name, value);
      return new Response(null, { status: 201 });
    },
    [`GET /v1/projects/${REF}/api-keys`]: () =>
      Response.json([
        { name: "service_role", api_key: "legacy", type: "legacy" },
        { name: "default", api_key: "sb_secret_0123456789abcdef", type: "secret" },
      ]),
    [`GET /v1/projects/${REF}/functions`]: () => Response.json([]),
    [`POST /v1/projects/${REF}/functions/deploy`]: async (request) => {
      const form = await request.formData();
      uploads.push({
        metadata: JSON.parse(form.get("metadata") as string),
        files: new Map(
          form.getAll("file").map((file) => {
            const { name, size } = file as File;
            return [name, size];
          }),
        ),
      });
      return Response.json({
        id: crypto.randomUUID(),
        slug: "openrouter-proxy",
        name: "openrouter-proxy",
        status: "ACTIVE",
        version: uploads.length,
        created_at: 1,
        updated_at: 1,
        verify_jwt: false,
      }, { status: 201 });
    },
    [`POST /v1/projects/${REF}/database/query`]: async (request) => {
      const { query: sql, read_only } = await request.json();
      if (read_only) return Response.json(await query(sql), { status: 201 });
      statements.push(sql);
      return Response.json([], { status: 201 });
    },
  };

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const route = `${request.method} ${new URL(request.url).pathname}`;
    const handler = routes[route];
    if (!handler) return Response.json({ message: `no ${route} here` }, { status: 404 });
    const before = statements.length;
    const response = await handler(request);
    const isChange = request.method !== "GET" &&
      (!route.endsWith("/query") || statements.length > before);
    if (isChange) changes.push(route.slice(`POST /v1/projects/${REF}/`.length));
    return response;
  });
  const folder = await Deno.makeTempDir({ prefix: "management-api-" });
  const profile = join(folder, "profile.yaml");
  const url = `http://127.0.0.1:${server.addr.port}`;
  await Deno.writeTextFile(
    profile,
    `name: test\napi_url: ${url}\ndashboard_url: ${url}/dashboard\n` +
      "docs_url: https://supabase.com/docs\nproject_host: localhost\npooler_host: localhost\n",
  );
  return {
    env: {
      SUPABASE_PROFILE: profile,
      SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}`,
    },
    secrets,
    uploads,
    statements,
    changes,
    async stop() {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
