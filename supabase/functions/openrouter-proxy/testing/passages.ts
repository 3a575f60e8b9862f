/** Answers on their way through `passOn`, with an upstream and a client that are tests. */
import assert from "node:assert/strict";
import { chunkReader } from "../bytes/chunk_reader.ts";
import type { BookingEnding } from "../books/booking.ts";
import type { Ending } from "../books/verdict.ts";
import { createMeter } from "../metering/meter.ts";
import { passOn } from "../call/answer/passthrough.ts";

const LONG_MS = 600_000;
export const EVENT = 'data: {"x":1}\n\n';
export const SUPPLIES = 10;
/** How a call ends whose client has left while it is heard. */
export const HEARD: Ending = { kind: "left", sent: true, hadUsage: false };

export const utf8 = (text: string) => new TextEncoder().encode(text);

interface Options {
  contentType?: string;
  idleTimeoutMs?: number;
  clientGone?: AbortSignal;
  length?: number;
  /** What OpenRouter has for whoever asks, {@linkcode SUPPLIES} times. */
  supply?: string;
  /** Whether it is heard to its end although its client leaves. */
  isHeard?: boolean;
  /** Whether its abort does not reach OpenRouter, as that of a fetch whose Response is garbage. */
  isDeaf?: boolean;
  whenRead?: BookingEnding;
}

/** A passage whose upstream is a test; `log` holds what happened, in order. */
export function passage(
  {
    contentType = "text/event-stream",
    idleTimeoutMs = LONG_MS,
    clientGone,
    length,
    supply,
    isHeard = false,
    isDeaf = false,
    whenRead = { kind: "answered" },
  }: Options = {},
) {
  const log: string[] = [];
  const endings: BookingEnding[] = [];
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  let upstream!: ReadableStreamDefaultController<Uint8Array>;
  let aborted: unknown;
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      upstream = controller;
    },
    pull(controller) {
      log.push("asked");
      if (supply === undefined) return;
      if (log.filter((entry) => entry === "asked").length > SUPPLIES) controller.close();
      else controller.enqueue(utf8(supply));
    },
    cancel(reason) {
      cancelled = reason;
    },
  }, { highWaterMark: 0 });
  const passed = passOn({
    reader: chunkReader(body),
    abort(reason) {
      aborted ??= reason;
      log.push("aborted");
      if (!isDeaf) upstream.error(reason);
    },
    meter,
    booking: {
      settled: Promise.resolve(),
      hurry() {},
      answering() {},
      firstByte: () => log.push("first byte"),
      end(ending) {
        endings.push(ending);
        log.push(`${ending.kind}, cost ${meter.observed.cost}`);
      },
    },
    errorEvents: contentType === "text/event-stream"
      ? ({ type, message }) => utf8(errorEvent(type, message))
      : null,
    idleTimeoutMs,
    whenRead,
    whenHeard: isHeard ? HEARD : null,
    length: length ?? null,
    clientGone: clientGone ?? new AbortController().signal,
  });
  return {
    log,
    endings,
    meter,
    passed,
    send: (text: string) => upstream.enqueue(utf8(text)),
    sendBytes: (bytes: Uint8Array) => upstream.enqueue(bytes),
    close: () => upstream.close(),
    fail: (error: Error) => upstream.error(error),
    aborted: () => aborted,
    /** Why OpenRouter's body was given up. */
    cancelled: () => cancelled,
  };
}

/** A passage, and the client that reads it. */
export function readPassage(options: Options = {}) {
  const { passed, ...others } = passage(options);
  return { reader: passed.getReader(), ...others };
}

/** Resolves when nothing is left to do without a further event. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** What is left of a stream, as text. */
export async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += new TextDecoder().decode(value);
  }
}

/** What an event of the gateway's looks like here. */
export function errorEvent(type: string, message: string): string {
  return `event: error\ndata: {"type":"${type}","message":"${message}"}\n\n`;
}

export function textOf({ value }: ReadableStreamReadResult<Uint8Array>): string {
  return new TextDecoder().decode(value);
}

/** What is left of a stream that breaks, and by what it does. */
export async function broken(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ text: string; error: unknown }> {
  let text = "";
  for (;;) {
    try {
      const read = await reader.read();
      assert.ok(!read.done, "it ended as if it were whole");
      text += textOf(read);
    } catch (error) {
      return { text, error };
    }
  }
}

export const COMMENT = ": keep-alive\n\n";
