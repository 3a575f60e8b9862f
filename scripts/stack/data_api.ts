/** The Data API: PostgREST's behaviour at /rest/v1, by npm `@supabase/lite`. */
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import type { StackSecrets } from "./secrets.ts";

export interface DataApi {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/**
 * Serves the tables and functions of the schema `public`. The schema is read at the first request:
 * migrate before.
 *
 * @param databaseUrl for the role `authenticator`, which owns nothing
 */
export function createDataApi(databaseUrl: string, secrets: StackSecrets): DataApi {
  const connection = createPostgresConnection({
    url: databaseUrl,
    postgresOptions: {
      // Where its own parsers differ from PostgREST: 1.50 becomes a string, an instant has a space.
      types: {
        numeric: { to: 1700, from: [1700], serialize: String, parse: jsonNumber },
        timestamptz: { to: 1184, from: [1184], serialize: String, parse: isoInstant },
      },
    },
  });
  // Once per connection it grants anon and authenticated everything on every table, which undoes
  // what the migrations revoke. It skips that where it believes to have done it.
  Object.assign(connection, { rlsState: "active" });
  const app = new App({
    connection,
    auth: {
      enabled: false,
      publishable_key: secrets.publishableKey,
      secret_key: secrets.secretKey,
      jwt_secret: secrets.jwtSecret,
    },
    options: { server: { admin: false } },
  });
  const apikey = { apikey: secrets.secretKey };
  // One request alone reads the schema; many at once would all do that, and starve each other.
  let schemaRead: Promise<unknown> | undefined;
  return {
    async fetch(request) {
      schemaRead ??= app.fetch(new Request(new URL("/rest/v1/", request.url), { headers: apikey }));
      await schemaRead;
      // Whole, before a connection is taken: a client that leaves meanwhile would keep that one.
      const { method, headers } = request;
      const hasBody = request.body !== null;
      const body = hasBody ? { body: await request.arrayBuffer() } : {};
      return await app.fetch(new Request(request.url, { method, headers, ...body }));
    },
    close: () => connection.close(),
  };
}

/** NaN and infinities have no JSON number; PostgREST writes them as strings. */
function jsonNumber(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

/** `2026-11-22 10:30:00.5+00` → `2026-11-22T10:30:00.5+00:00`. */
function isoInstant(text: string): string {
  return text.replace(" ", "T").replace(/[+-][0-9]{2}$/, "$&:00");
}
