/**
 * A load of some clients, each sending its next request when it has the whole answer to the one before, or
 * some time after that, on a connection of its own: HTTP/1.1 on plain sockets, so that whoever is measured is the slower one.
 *
 * Usage: deno run -A load.ts < load.json, a Load. Prints a LoadResult as JSON.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuTimeMs } from "./processes.ts";

export interface Load {
  /** Where to, e.g. `http://127.0.0.1:8000/api/v1/chat/completions`: the clients share them out. */
  urls: string[];
  /** The headers of each caller; each request is the next caller's. */
  callers: Record<string, string>[];
  body: string;
  clients: number;
  /** Over how long the clients begin, in milliseconds. */
  spreadMs?: number;
  /** Between an answer and the client's next request, in milliseconds. */
  pauseMs?: number;
  /** How long it warms up, and then measures, in milliseconds. */
  warmUpMs: number;
  measureMs: number;
}

export interface LoadResult {
  /** All that were answered, those of the warm-up too. */
  calls: number;
  /** A call that falls in part into the time that is measured counts for that part. */
  perSecond: number;
  /** Milliseconds from a request's first byte to its answer's last. */
  p50: number;
  p99: number;
  /** Milliseconds to the first byte of an answer's body. */
  firstByteP50: number;
  /** The longest time between two reads of one answer: of the median answer, and of the worst. */
  gapP50: number;
  gapMax: number;
  /** Answers that were none: another status than 200, a connection that broke or went silent. */
  failures: number;
  /** How much of one core the load itself took, in [0, 1]. */
  generatorBusy: number;
}

/** A connection that is silent for so long is given up. */
const SILENCE_MS = 20_000;
const HEADERS_END = "\r\n\r\n";

/** The value below which this part of them is; 0 where there are none. */
function quantile(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function requestOf(url: string, headers: Record<string, string>, body: string): Uint8Array {
  const { host, pathname, search } = new URL(url);
  const lines = Object.entries({
    host,
    "content-type": "application/json",
    "content-length": String(new TextEncoder().encode(body).length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(
    `POST ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n${body}`,
  );
}

/** Whether an answer whose body's end this is has all of it. */
function isWhole(head: string, bodyLength: number, end: string): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  return length === undefined ? end.endsWith("0\r\n\r\n") : bodyLength >= Number(length);
}

async function run(load: Load): Promise<LoadResult> {
  const requests = load.urls.map((url) =>
    load.callers.map((headers) => requestOf(url, headers, load.body))
  );
  const start = performance.now();
  const cpuBefore = await cpuTimeMs([Deno.pid]);
  const begin = start + load.warmUpMs;
  const end = begin + load.measureMs;
  const durations: number[] = [];
  const firstBytes: number[] = [];
  const gaps: number[] = [];
  let calls = 0;
  let measured = 0;
  let sent = 0;
  let failures = 0;

  async function client(index: number): Promise<void> {
    const delayMs = (load.spreadMs ?? 0) * index / load.clients;
    if (delayMs > 0) await sleep(delayMs);
    const { promise, resolve } = Promise.withResolvers<void>();
    const of = index % load.urls.length;
    const { hostname, port } = new URL(load.urls[of]!);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error("silent")));
    let isOver = false;
    let head: string | null = null;
    let text = "";
    let bodyLength = 0;
    let sentAt = 0;
    let firstByteAt = 0;
    let readAt = 0;
    let gap = 0;

    function send() {
      if (performance.now() >= end) {
        isOver = true;
        socket.end();
        return resolve();
      }
      head = null;
      text = "";
      bodyLength = firstByteAt = gap = 0;
      sentAt = performance.now();
      socket.write(requests[of]![sent++ % load.callers.length]!);
    }
    function answered() {
      calls++;
      if (!head!.startsWith("HTTP/1.1 200")) failures++;
      const measuredMs = Math.min(readAt, end) - Math.max(sentAt, begin);
      if (measuredMs > 0) {
        measured += measuredMs / (readAt - sentAt);
        durations.push(readAt - sentAt);
        firstBytes.push(firstByteAt - sentAt);
        gaps.push(gap);
      }
      if (load.pauseMs) setTimeout(send, load.pauseMs);
      else send();
    }
    socket.on("connect", send);
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!isOver) failures++;
      resolve();
    });
    socket.on("data", (chunk) => {
      const now = performance.now();
      text += chunk.toString("latin1");
      if (head === null) {
        const at = text.indexOf(HEADERS_END);
        if (at === -1) return;
        head = text.slice(0, at);
        text = text.slice(at + HEADERS_END.length);
        bodyLength = text.length;
      } else bodyLength += chunk.length;
      if (bodyLength === 0) return;
      if (firstByteAt === 0) firstByteAt = now;
      else gap = Math.max(gap, now - readAt);
      readAt = now;
      text = text.slice(-5);
      if (isWhole(head, bodyLength, text)) answered();
    });
    await promise;
  }

  await Promise.all(Array.from({ length: load.clients }, (_, index) => client(index)));
  const cpuMs = await cpuTimeMs([Deno.pid]) - cpuBefore;
  for (const list of [durations, firstBytes, gaps]) list.sort((a, b) => a - b);
  return {
    calls,
    perSecond: measured * 1000 / load.measureMs,
    p50: quantile(durations, 0.5),
    p99: quantile(durations, 0.99),
    firstByteP50: quantile(firstBytes, 0.5),
    gapP50: quantile(gaps, 0.5),
    gapMax: gaps.at(-1) ?? 0,
    failures,
    generatorBusy: cpuMs / (performance.now() - start),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(await new Response(Deno.stdin.readable).json())));
}
