/**
 * Faults on demand.
 *
 * A request asks for them in the header `x-openrouter-simulate` or, the same, by the model
 * `simulate/<faults>` (sold at gpt-4o-mini's prices). Faults combine by comma, arguments follow a
 * colon: `slow:20,error:429:3`. A scripted fault (see ScriptedFault) strikes the next calls of a
 * route instead. An unknown fault is a 400 that says so.
 *
 * Beware of `drop` before the headers: a client may send the request again. Deno's fetch does so,
 * once, if the connection was a reused one and the body is no stream. `by_route` of the ledger's
 * requests counts what arrived.
 *
 * | fault | what happens |
 * | --- | --- |
 * | `status:CODE[:RETRY_AFTER_S]` | that error, with OpenRouter's shape and message; 429 has `X-RateLimit-*` |
 * | `provider-429[:RETRY_AFTER_S]` | 429 `Provider returned error` with its metadata |
 * | `moderation` | 403 with `metadata.reasons` |
 * | `credits[:key\|:in-flight]` | 402 with `limit_source` and `remedy_hint`: of the account, of the key, of the calls in flight (with `Retry-After`) |
 * | `budget` | 403 `Budget limit exceeded` with what was spent |
 * | `zod` | 400 `{"success":false,"error":{"name":"ZodError",…}}` |
 * | `availability` | 503 whose `error` has `availability` and no `code` |
 * | `user-id` | errors inside a 200 (`error`, `choice-error`) have `user_id` beside `error`, as error statuses do without it |
 * | `raw-ids` | errors, those inside a 200 too, have a `metadata.raw` that quotes JSON with user_id, organization_id, workspace_id and the calling key's hash |
 * | `html[:CODE]` | an HTML error page, 404 by default |
 * | `empty` | 200 with an empty body |
 * | `no-content` | 204 |
 * | `garbage` | 200 with JSON that is cut off |
 * | `drop[:N]` | the connection breaks before the headers; `0`: after them; N: after N chunks (half of a JSON body) |
 * | `hang[:N]` | as `drop`, but silent until the client goes |
 * | `latency:MS` | wait before the headers |
 * | `gate:N` | wait before the headers until N such calls are here together |
 * | `after` | latency, and what replaces the answer, come when the work is done and billed |
 * | `slow:MS` | wait between chunks (between the halves of a JSON body) |
 * | `error[:CODE[:N]]` | error event after N chunks (CODE 429, N 2; 0: the first event), terminal; CODE may be a word; JSON: 200 with only `error`, free |
 * | `bare-error` | the error event of a stream is `{"error":{…}}` and nothing else, on every endpoint |
 * | `choice-error` | JSON chat: 200 with `choices[0].error` |
 * | `chunks:N` | N completion tokens, one chunk each |
 * | `big:MB` | an answer of MB megabytes in chunks of 64 KiB, one token each |
 * | `huge:MB` | the first chunk alone has MB megabytes |
 * | `multibyte` | text of characters of 2, 3 and 4 bytes |
 * | `split[:BYTES]` | the body in pieces of BYTES (1) |
 * | `gzip` | gzip-encoded, asked for or not; errors too |
 * | `crlf` | lines end in CR LF |
 * | `cr` | lines end in CR |
 * | `spaced` | JSON with a space after each colon |
 * | `no-space` | `data:` without a space |
 * | `unterminated` | the last event lacks its blank line |
 * | `comments:N` | N `: OPENROUTER PROCESSING` before the first token (2 without this fault) |
 * | `debug` | `debug` and `openrouter_metadata` chunks |
 * | `no-done` | no `[DONE]` (`message_stop`) |
 * | `no-usage` | no usage at all |
 * | `running-usage` | a usage after each chunk, of what has come so far; of chat with `empty-choices` |
 * | `usage-twice` | a usage without the completion, then the right one |
 * | `null-usage` | `"usage":null` after the usage |
 * | `empty-choices` | the usage chunk has `choices: []` |
 * | `null-details` | usage's detail objects are null |
 * | `exponent` | costs as `7.765e-06` |
 * | `cached:N` | N prompt tokens come from the provider's cache |
 * | `cache-write:N` | N prompt tokens are written to the provider's cache |
 * | `iterations:IN:OUT` | a compaction of IN and OUT tokens is paid too; `/messages` tells it in `iterations` alone |
 * | `generations:N` | the request makes N generations: `/generation` of the answer's id shows a part, the answer the sum |
 * | `no-cost` | usage without `cost` |
 * | `bare-usage` | usage of `cost` alone |
 * | `reasoning:N` | N completion tokens are reasoning |
 * | `cost:USD` | this price, whatever was consumed |
 * | `charged:USD` | a text model fails with 502 when OpenRouter has done work of its own, a search or reading documents, for this price |
 * | `byok` | billed as a call with the customer's own provider key |
 * | `cache-hit` | a response-cache hit: zeros |
 * | `unlisted` | `GET /generation` never knows it |
 * | `pending:N` | a video job is not ready at its first N polls; it is charged when it is |
 * | `job:END` | a video job ends as `failed`, `cancelled` or `expired`: free, without usage |
 * | `absolute-urls` | a video job's URLs name OpenRouter's host; given with the job or with a poll |
 */
import { apiError } from "./errors.ts";

const NONE = /^$/;
const NUMBER = /^\d+$/;
const NUMBER_OR_NONE = /^\d*$/;

/** Every fault and the form of its argument. The table above says what each does. */
export const FAULTS = {
  "status": /^[45]\d\d(:\d+)?$/,
  "provider-429": NUMBER_OR_NONE,
  "moderation": NONE,
  "credits": /^(key|in-flight)?$/,
  "budget": NONE,
  "zod": NONE,
  "availability": NONE,
  "user-id": NONE,
  "raw-ids": NONE,
  "html": /^([45]\d\d)?$/,
  "empty": NONE,
  "no-content": NONE,
  "garbage": NONE,
  "drop": NUMBER_OR_NONE,
  "hang": NUMBER_OR_NONE,
  "latency": NUMBER,
  "gate": NUMBER,
  "after": NONE,
  "slow": NUMBER,
  "error": /^([\w-]+(:\d+)?)?$/,
  "bare-error": NONE,
  "choice-error": NONE,
  "chunks": NUMBER,
  "big": NUMBER,
  "huge": NUMBER,
  "multibyte": NONE,
  "split": /^([1-9]\d*)?$/,
  "gzip": NONE,
  "crlf": NONE,
  "cr": NONE,
  "spaced": NONE,
  "no-space": NONE,
  "unterminated": NONE,
  "comments": NUMBER,
  "debug": NONE,
  "no-done": NONE,
  "no-usage": NONE,
  "running-usage": NONE,
  "usage-twice": NONE,
  "null-usage": NONE,
  "empty-choices": NONE,
  "null-details": NONE,
  "exponent": NONE,
  "cached": NUMBER,
  "cache-write": NUMBER,
  "iterations": /^\d+:\d+$/,
  "generations": /^[1-9]\d*$/,
  "no-cost": NONE,
  "bare-usage": NONE,
  "reasoning": NUMBER,
  "cost": /^\d+(\.\d+)?$/,
  "charged": /^\d+(\.\d+)?$/,
  "byok": NONE,
  "cache-hit": NONE,
  "unlisted": NONE,
  "pending": NUMBER,
  "job": /^(failed|cancelled|expired)$/,
  "absolute-urls": NONE,
} as const satisfies Record<string, RegExp>;

export type FaultName = keyof typeof FAULTS;

/** The faults of one request. */
export class Faults {
  readonly #args: ReadonlyMap<FaultName, string>;

  private constructor(args: ReadonlyMap<FaultName, string>) {
    this.#args = args;
  }

  /**
   * Reads comma-separated faults; where one is named twice, the later specification wins.
   *
   * @throws {ApiError} 400 for an unknown fault or a bad argument
   */
  static parse(...specifications: (string | undefined)[]): Faults {
    const args = new Map<FaultName, string>();
    for (const item of specifications.join(",").split(",")) {
      const [name = "", ...rest] = item.trim().split(":");
      if (name === "") continue;
      const argument = rest.join(":");
      if (!Object.hasOwn(FAULTS, name) || !FAULTS[name as FaultName].test(argument)) {
        throw apiError(400, `the simulator has no fault "${item.trim()}"`);
      }
      args.set(name as FaultName, argument);
    }
    return new Faults(args);
  }

  has(name: FaultName): boolean {
    return this.#args.has(name);
  }

  /** The fault's argument, empty where it has none; undefined without the fault. */
  text(name: FaultName): string | undefined {
    return this.#args.get(name);
  }

  /** The fault's numeric argument; undefined without the fault or the argument. */
  number(name: FaultName): number | undefined {
    const text = this.#args.get(name);
    return text === undefined || text === "" ? undefined : Number(text);
  }
}

/** Where `drop:N` or `hang:N` breaks a body, in chunks. */
export function breakPoint(
  faults: Faults,
): { at: number; step: { breaks: "drop" | "hang" } } | null {
  for (const breaks of ["drop", "hang"] as const) {
    const at = faults.number(breaks);
    if (at !== undefined) return { at, step: { breaks } };
  }
  return null;
}
