/** Requests whose bodies come as a test wants. */
import assert from "node:assert/strict";
import { CHAT } from "./client.ts";

export interface RawUpload {
  /** Resolves to false where the gateway takes no more. */
  send(bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** What of the answer has come once it holds this text. */
  until(text: string): Promise<string>;
  /** All of the answer, once the connection has ended. */
  answer(): Promise<string>;
  close(): void;
}

/**
 * Begins a request on a connection of its own.
 *
 * @param headers those of the body's framing included
 */
export async function openUpload(
  gateway: { url: string },
  headers: Record<string, string>,
  path = CHAT,
): Promise<RawUpload> {
  const { hostname, port, pathname, host } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({ host, ...headers }).map((pair) => pair.join(": "));
  const head = [`POST ${pathname}${path} HTTP/1.1`, ...lines, "", ""].join("\r\n");

  async function send(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await connection.write(bytes.subarray(sent));
      }
      return true;
    } catch {
      return false;
    }
  }

  const decoder = new TextDecoder();
  let arrived = "";

  /** Reads once; false at the connection's end, however it came. */
  async function read(): Promise<boolean> {
    const buffer = new Uint8Array(4096);
    const size = await connection.read(buffer).catch(() => null);
    if (size === null) return false;
    arrived += decoder.decode(buffer.subarray(0, size), { stream: true });
    return true;
  }

  await send(new TextEncoder().encode(head));
  return {
    send,
    async until(text) {
      while (!arrived.includes(text)) {
        assert.ok(await read(), `the connection ended before ${JSON.stringify(text)}:\n${arrived}`);
      }
      return arrived;
    },
    async answer() {
      while (await read());
      return arrived;
    },
    close: () => connection.close(),
  };
}

/** As many connections of that many as this process has file descriptors for. */
export function affordableConnections(count: number): number {
  if (Deno.build.os !== "linux") return Math.min(count, 200);
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Math.min(count, Math.max(0, descriptors - 200));
}
