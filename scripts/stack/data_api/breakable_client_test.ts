import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import postgres from "postgres";
import { ApiError } from "./api_error.ts";
import { type BreakableClient, createBreakableClient } from "./breakable_client.ts";

/** A message of Postgres's protocol (PostgreSQL's manual, "Message Formats"). */
function message(type: string, ...parts: (string | Uint8Array)[]): Uint8Array {
  const body = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : part
  );
  const length = body.reduce((sum, { length }) => sum + length, 4);
  return new Uint8Array([
    type.charCodeAt(0),
    ...int32(length),
    ...body.flatMap((part) => [...part]),
  ]);
}

const int32 = (value: number) => new Uint8Array(new Int32Array([value]).buffer).reverse();

const SASL = message("R", int32(10), "SCRAM-SHA-256\0\0");
/** What it answers is one more message, which it works out while the connection closes. */
const SASL_CONTINUE = message("R", int32(11), "r=nonce,s=c2FsdA==,i=1");
const READY = [message("R", int32(0)), message("Z", "I")];
const FATAL = message(
  "E",
  "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0",
);

/** What Postgres answers to each message that the client sends; after the last one it hangs up. */
const ENDS: [string, Uint8Array[][]][] = [
  ["before a login", []],
  ["in place of a login", [[FATAL]]],
  ["when a login begins", [[SASL]]],
  ["while a login goes on", [[SASL], [SASL_CONTINUE]]],
  ["when it was ready", [READY]],
  ["instead of an answer", [READY, [FATAL]]],
];

/** Asks a server that behaves so; the client's timers and sockets may not outlive it. */
async function askOneThat(
  answers: Uint8Array[][],
  ask: (client: BreakableClient) => Promise<void>,
  fetchTypes: boolean,
): Promise<void> {
  const server = createServer((socket: Socket) => {
    const left = [...answers];
    const answer = () => {
      for (const bytes of left.shift() ?? []) socket.write(bytes);
      if (left.length === 0) socket.end();
    };
    if (left.length === 0) socket.end();
    socket.on("data", answer);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `postgres://authenticator:secret@127.0.0.1:${port}/postgres`;
  try {
    await ask(
      createBreakableClient((options) =>
        postgres(url, { ...options, fetch_types: fetchTypes } as object)
      ),
    );
  } finally {
    server.close();
  }
}

for (const [moment, answers] of ENDS) {
  for (const fetchTypes of [false, true]) {
    Deno.test(`a connection that ends ${moment} fails its query alone (types asked for: ${fetchTypes})`, async () => {
      await askOneThat(answers, async (client) => {
        const is503 = (error: unknown) => error instanceof ApiError && error.status === 503;
        await assert.rejects(client.query("select 1"), is503);
        assert.equal(client.isBroken, true);
        await assert.rejects(client.query("rollback"), is503);
        await client.close();
      }, fetchTypes);
    });
  }
}

Deno.test("nobody listens: the query fails, and nothing else", async () => {
  const client = createBreakableClient((options) =>
    postgres("postgres://authenticator:secret@127.0.0.1:1/postgres", options as object)
  );
  await assert.rejects(client.query("select 1"), { status: 503 });
  assert.equal(client.isBroken, true);
});
