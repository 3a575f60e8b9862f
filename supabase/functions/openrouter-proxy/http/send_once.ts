/**
 * A fetch that sends each request with a body at most once.
 *
 * Deno's fetch sends a request again by itself when a pooled connection breaks before the response's
 * headers, even a POST that OpenRouter has begun to bill. It cannot do so with a body that is a
 * stream, because a stream is gone when it has been read.
 */
import { utf8 } from "../bytes/encodings.ts";

export function sendOnce(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return (input, init) => {
    const body: unknown = (init as { body?: unknown } | undefined)?.body;
    if (typeof body !== "string" && !(body instanceof Uint8Array)) return fetch(input, init);
    const once = new ReadableStream<Uint8Array>({
      start(controller) {
        const bytes = typeof body === "string" ? utf8(body) : body;
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      },
    });
    // The Fetch standard wants `duplex` with a stream; TypeScript's library does not know it yet.
    const streaming: RequestInit & { duplex: "half" } = { ...init, body: once, duplex: "half" };
    return fetch(input, streaming);
  };
}
