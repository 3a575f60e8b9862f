import assert from "node:assert/strict";
import type { Session } from "./connections.ts";
import { runPrepared, withValues } from "./statements.ts";

/** A connection that keeps what it is sent, and takes none of the messages of which `fails` says so. */
function fakeSession(fails: (message: string) => boolean = () => false) {
  const messages: string[] = [];
  const session = {
    prepared: new Map<string, string>(),
    unsafe(message: string) {
      messages.push(message);
      return fails(message) ? Promise.reject(new Error("refused")) : Promise.resolve([]);
    },
    release() {},
  } as unknown as Session;
  return { session, messages };
}

const SETTINGS = { id: "settings", text: () => "select f($1)", values: ["it's"] };
const CALL = { id: "call", text: () => "select g()", values: [] };

Deno.test("what a connection has not prepared is prepared behind what comes before it, once for each role", async () => {
  const { session, messages } = fakeSession();
  const sent = async (role: string, statements = [SETTINGS, CALL]) => {
    await runPrepared(session, role, statements);
    return messages.splice(0);
  };
  assert.deepEqual(await sent("anon"), [
    "prepare statement_0 as select f($1)",
    "execute statement_0('it''s');prepare statement_1 as select g()",
    "execute statement_0('it''s');execute statement_1;",
  ]);
  assert.deepEqual(await sent("anon"), ["execute statement_0('it''s');execute statement_1;"]);
  assert.deepEqual(await sent("anon", [CALL]), ["execute statement_1;"]);
  assert.deepEqual(await sent("service_role", [CALL]), [
    "prepare statement_2 as select g()",
    "execute statement_2;",
  ]);
});

Deno.test("what Postgres did not prepare is prepared the next time", async () => {
  let isRefused = true;
  const { session, messages } = fakeSession((message) => isRefused && /prepare/.test(message));
  await assert.rejects(runPrepared(session, "anon", [CALL]), /refused/);
  isRefused = false;
  await runPrepared(session, "anon", [CALL]);
  assert.deepEqual(messages, [
    "prepare statement_0 as select g()",
    "prepare statement_0 as select g()",
    "execute statement_0;",
  ]);
});

Deno.test("values stand in a text as literals, each in its own place", () => {
  const values = ["it's $2", ...Array.from({ length: 9 }, (_, index) => `${index}`), "last"];
  const statement = { id: "f", text: () => "f($11, $1), $2", values };
  assert.equal(withValues(statement), "f('last', 'it''s $2'), '0'");
});
