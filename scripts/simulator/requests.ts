/** The record of what reached the simulator: the last thousand requests, and exact counters. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

const REMEMBERED = 1000;

/** A request as it arrived. The key is known by its hash alone. */
export interface SeenRequest {
  method: string;
  /** Path and query, e.g. `/api/v1/generation?id=gen-…`. */
  path: string;
  /** All but `authorization`. */
  headers: Record<string, string | string[] | undefined>;
  /** SHA-256 hex of the Bearer key; null without one. */
  key_hash: string | null;
  /** SHA-256 hex of the raw body. */
  body_sha256: string;
}

/** The record as JSON. */
export interface RequestsSnapshot {
  count: number;
  /** Per method and route, e.g. `{"POST /keys": 2}`; unknown routes under `unknown`. */
  by_route: Record<string, number>;
  /** Answers that are not finished yet. */
  in_flight: number;
  /** The most that there ever were at the same time. */
  most_in_flight: number;
  /** Oldest first, at most the last 1000. */
  recent: SeenRequest[];
}

export class RequestLog {
  #inFlight = 0;
  #mostInFlight = 0;
  #count = 0;
  #byRoute: Record<string, number> = {};
  #recent: SeenRequest[] = [];

  /** Records a request; it is in flight until `finished` settles. */
  add(
    request: IncomingMessage,
    route: string,
    bearer: string | null,
    body: Uint8Array,
    finished: Promise<void>,
  ): void {
    this.#inFlight++;
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight);
    finished.then(() => this.#inFlight--);
    const { authorization: _, ...headers } = request.headers;
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers,
      key_hash: bearer === null ? null : sha256(bearer),
      body_sha256: sha256(body),
    };
    this.#recent[this.#count % REMEMBERED] = seen;
    this.#count++;
    this.#byRoute[route] = (this.#byRoute[route] ?? 0) + 1;
  }

  snapshot(): RequestsSnapshot {
    const oldest = this.#count % REMEMBERED;
    const recent = this.#count <= REMEMBERED
      ? [...this.#recent]
      : [...this.#recent.slice(oldest), ...this.#recent.slice(0, oldest)];
    return {
      count: this.#count,
      by_route: { ...this.#byRoute },
      in_flight: this.#inFlight,
      most_in_flight: this.#mostInFlight,
      recent,
    };
  }

  /** Forgets everything but what is in flight. */
  reset(): void {
    this.#mostInFlight = this.#inFlight;
    this.#count = 0;
    this.#byRoute = {};
    this.#recent = [];
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
