/**
 * Answers onto the wire, with the faults that concern bytes.
 *
 * node:http and not Deno.serve, which sends its headers before a connection can be dropped, joins
 * small chunks, and logs every body that was made to fail.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, createGzip, gzipSync } from "node:zlib";
import type { Answer, Step } from "./answer.ts";
import { breakPoint, type Faults } from "./faults.ts";

/** Reads a request's body; throws if the client leaves before its end. */
export async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

/** One response's connection: what can be awaited or done on it besides writing. */
export class Connection {
  readonly #response: ServerResponse;
  readonly #gone: Promise<void>;
  #isGone = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#gone = new Promise((resolve) =>
      response.once("close", () => {
        this.#isGone = true;
        resolve();
      })
    );
  }

  /** Whether the connection is closed, by either side. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Settles when the connection is closed. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /** Waits, at most until the connection is closed. */
  async wait(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const elapsed = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([elapsed, this.#gone]);
    clearTimeout(timer);
  }

  /** Breaks the connection once what was written has left. */
  async drop(): Promise<void> {
    const { socket } = this.#response;
    socket?.end(() => socket.destroy());
    await this.#gone;
  }

  /** Sends an answer. Returns when it is sent, or the connection closed. */
  async send(answer: Answer, faults: Faults): Promise<void> {
    const response = this.#response;
    if (this.#isGone) return answer.closed?.();
    if (answer.closed !== undefined) this.#gone.then(answer.closed);
    const { status, headers, body } = shape(answer, faults);
    response.writeHead(status, headers);
    if (typeof body === "string" || body instanceof Uint8Array) {
      response.end(body);
      return await this.#gone;
    }
    response.flushHeaders();
    for await (const step of body) {
      if (typeof step === "string" || step instanceof Uint8Array) {
        if (step.length > 0 && !response.write(step)) await this.#drained();
      } else if ("waitMs" in step) await this.wait(step.waitMs);
      else if (step.breaks === "drop") await this.drop();
      else await this.#gone;
      if (this.#isGone) return;
    }
    response.end();
    await this.#gone;
  }

  #drained(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#response.once("drain", resolve));
    return Promise.race([drained, this.#gone]);
  }
}

interface Shaped {
  status: number;
  headers: Answer["headers"];
  body: string | Uint8Array | Iterable<Step> | AsyncIterable<Step>;
}

function shape({ status, headers, body: plain }: Answer, faults: Faults): Shaped {
  const body = faults.has("spaced") ? spaced(plain) : plain;
  const gzip = faults.has("gzip");
  const shaped = gzip ? { ...headers, "Content-Encoding": "gzip" } : headers;
  if (typeof body === "string" || body instanceof Uint8Array) {
    const whole = gzip ? gzipSync(body) : body;
    const inPieces = breakPoint(faults) !== null || faults.has("slow") || faults.has("split");
    if (!inPieces) return { status, headers: shaped, body: whole };
    return { status, headers: shaped, body: split(halves(Buffer.from(whole), faults), faults) };
  }
  if (!gzip) return { status, headers: shaped, body: split(body, faults) };
  return { status, headers: shaped, body: splitAsync(gzipped(body), faults) };
}

const JSON_STRING = /"(?:[^"\\]|\\.)*"(:)?/g;

/** Puts a space after the colons of JSON, those inside of strings excepted. */
function spaced(body: Answer["body"]): Answer["body"] {
  const space = <T>(step: T) =>
    typeof step === "string"
      ? step.replaceAll(JSON_STRING, (text, colon) => colon === undefined ? text : `${text} `)
      : step;
  if (body instanceof Uint8Array || typeof body === "string") return space(body);
  return Iterator.from(body).map(space);
}

function* halves(body: Uint8Array, faults: Faults): Generator<Step> {
  const broken = breakPoint(faults);
  const slowMs = faults.number("slow");
  if (broken?.at === 0) yield broken.step;
  yield body.subarray(0, body.length >> 1);
  if (slowMs !== undefined) yield { waitMs: slowMs };
  if (broken !== null) yield broken.step;
  yield body.subarray(body.length >> 1);
}

function* split(steps: Iterable<Step>, faults: Faults): Generator<Step> {
  if (!faults.has("split")) return yield* steps;
  for (const step of steps) yield* pieces(step, faults);
}

async function* splitAsync(steps: AsyncIterable<Step>, faults: Faults): AsyncGenerator<Step> {
  for await (const step of steps) {
    if (faults.has("split")) yield* pieces(step, faults);
    else yield step;
  }
}

function* pieces(step: Step, faults: Faults): Generator<Step> {
  if (typeof step !== "string" && !(step instanceof Uint8Array)) return yield step;
  const bytes = Buffer.from(step);
  const size = faults.number("split") ?? 1;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Compresses each step on its own flush, so that a stream stays one. */
async function* gzipped(steps: Iterable<Step>): AsyncGenerator<Step> {
  const gzip = createGzip();
  let out: Uint8Array[] = [];
  gzip.on("data", (chunk: Uint8Array) => out.push(chunk));
  function take(): Uint8Array {
    const taken = Buffer.concat(out);
    out = [];
    return taken;
  }
  try {
    for (const step of steps) {
      if (typeof step === "string" || step instanceof Uint8Array) {
        gzip.write(step);
        await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
        yield take();
      } else yield step;
    }
    const ended = new Promise((resolve) => gzip.once("end", resolve));
    gzip.end();
    await ended;
    yield take();
  } finally {
    gzip.close();
  }
}
