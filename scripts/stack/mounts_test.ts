/** Which handler of the stack's server a request reaches. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { serveMounts } from "./mounts.ts";

/** Null: no Host at all. */
const HOSTS = [
  null,
  "",
  "127.0.0.1",
  "127.0.0.1:99999",
  "127.0.0.1/x",
  "127.0.0.1/rest",
  "127.0.0.1/gateway?",
  "127.0.0.1#",
  "xn--",
  "a b",
];
const TARGETS: [target: string, reached: string][] = [
  ["/gateway", "gateway"],
  ["/gateway?a=/b#c", "gateway"],
  ["/gateway/a/../b", "gateway"],
  ["/gateways", "rest"],
  ["/rest?/gateway", "rest"],
  ["/", "rest"],
];

Deno.test("what is mounted is reached by the path as it was sent, whatever host a request names", async () => {
  const says = (what: string) => () => Promise.resolve(new Response(what));
  const server = serveMounts(0, says("rest"), {});
  server.mount("/gateway", says("gateway"));
  try {
    for (const host of HOSTS) {
      for (const [target, reached] of TARGETS) {
        const socket = connect(server.port, "127.0.0.1");
        const named = host === null ? "" : `host: ${host}\r\n`;
        socket.end(`GET ${target} HTTP/1.1\r\n${named}connection: close\r\n\r\n`);
        const answer = await text(socket);
        assert.equal(answer.split("\r\n\r\n")[1], reached, `${host} ${target}`);
      }
    }
  } finally {
    await server.stop();
  }
});
