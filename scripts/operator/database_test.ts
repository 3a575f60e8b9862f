import assert from "node:assert/strict";
import postgres from "postgres";
import { connectionOf, withDatabase } from "./database.ts";

/** What the client would connect to. */
function connection(url: string) {
  const { options } = postgres(url, connectionOf(url)) as unknown as {
    options: Record<string, unknown>;
  };
  return [options.host, options.port, options.ssl];
}

for (
  const [at, host, port] of [
    ["db.example", "db.example", 5432],
    ["db.example:6543", "db.example", 6543],
    ["[2a05:d014::5]", "2a05:d014::5", 5432],
    ["[::1]:6543", "::1", 6543],
  ] as const
) {
  Deno.test(`a URL of ${at} is that host's, by TLS where it has that`, () => {
    assert.deepEqual(connection(`postgres://u:p%40@${at}/d`), [[host], [port], "prefer"]);
  });
}

Deno.test("a URL that says how it is to be secured is obeyed", () => {
  for (const [query, ssl] of [["sslmode=disable", false], ["sslmode=verify-full", "verify-full"]]) {
    assert.deepEqual(connection(`postgres://u:p@[::1]/d?${query}`), [["::1"], [5432], ssl]);
  }
});

/** What is told of an error that Deno's TLS gives with this code; nothing is connected to. */
async function told(code: string, message: string): Promise<string> {
  const error = Object.assign(new Error(message), { code });
  return await withDatabase("postgres://u:p@db.example/d", () => Promise.reject(error))
    .catch((error) => error.message);
}

Deno.test("a certificate of an authority that is not known here is told with how it is made known", async () => {
  assert.match(
    await told("SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain"),
    /DENO_CERT must name .*: self-signed certificate in certificate chain$/,
  );
});

Deno.test("a certificate of another host is told as such", async () => {
  assert.match(
    await told("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match"),
    /^the database's certificate is of another host than DATABASE_URL names: Hostname/,
  );
});
