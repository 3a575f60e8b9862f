/** What a caller wants of OpenRouter, as far as it may be wanted. */
import type { Bytes } from "../bytes/encodings.ts";
import { storable } from "../bytes/storable.ts";
import { type Asks, asksOf } from "../policy/asks.ts";
import { type CallBody, readCallBody } from "../policy/call_body.ts";
import type { CallEndpoint } from "../policy/calls.ts";
import type { Opened } from "../policy/endpoints.ts";
import { assertNoForm, readForm } from "../policy/form.ts";
import type { Finding, SharedFeature } from "../policy/findings.ts";
import { looksLikeJson } from "../policy/json_text.ts";
import { withAuthor } from "../policy/model_names.ts";
import { toBeOpened } from "../policy/shared_features.ts";
import { idempotencyOf } from "./idempotency.ts";
import { NO_ORIGIN, type Origin, originOf } from "./origin.ts";

export interface Order extends Opened {
  /** Empty when there is none. */
  body: Bytes;
  /** Null where the body is not read. */
  json: CallBody | null;
  /** Null where nothing is booked as a call. */
  call: CallEndpoint | null;
  model: string | null;
  streaming: boolean;
  /** Generations and jobs that must be the caller's own. */
  ownedGenerations: string[];
  sharedFeatures: Finding<SharedFeature>[];
  /** What it asks for that costs; null where nothing is booked as a call. */
  asks: Asks | null;
  idempotency: { key: string; bodyHash: string } | null;
  /** The session and the label that it is booked under. */
  origin: Origin;
  /** Whether it costs nothing whatever it uses: a `:free` model, and nothing beside it. */
  isFree: boolean;
  /**
   * Whether OpenRouter may charge it although it fails: for the model's work it charges nothing then, but
   * for searches, and for documents that it has read.
   */
  chargesErrors: boolean;
  /**
   * Whether OpenRouter bills all of it once it was sent, whether or not somebody listens: a call that
   * is no stream. It is then heard to its end.
   */
  isHeard: boolean;
  /** Whether the answer leads to a job by URLs of OpenRouter's API. */
  hasLinks: boolean;
}

/** How the body is read of a request that costs nothing. */
const FREE: Pick<CallEndpoint, "body" | "data"> = { body: "any", data: [] };

/** @throws {GatewayError} invalid_request, request_too_large */
export async function orderOf(opened: Opened, headers: Headers, body: Bytes): Promise<Order> {
  const { path, search, endpoint } = opened;
  const call = endpoint.kind === "call" ? endpoint : null;
  // What begins as JSON is taken for no form, whatever it is called.
  const contentType = looksLikeJson(body) ? null : headers.get("content-type");
  if (call?.body === "json") assertNoForm(body, contentType, path);
  // What is free may have a body too, and reach by it what others have.
  const json = call === null && body.length === 0 ? null : readCallBody(body, call ?? FREE);
  const said = json ?? readForm(body, contentType);
  const model = said.model && withAuthor(said.model, call?.bareNamesOf ?? null);
  const streaming = json?.streaming ?? false;
  const asks = asksOf(call, body, json, said);
  const isRepeatable = call !== null && headers.has("idempotency-key");
  return {
    path,
    search,
    endpoint,
    body,
    json,
    call,
    model: model ? storable(model) : null,
    streaming,
    ownedGenerations: ownIdsOf(opened, json?.previousJobIds ?? []),
    sharedFeatures: toBeOpened(said.sharedFeatures, asks?.areOpenAis ?? false),
    asks,
    idempotency: isRepeatable ? await idempotencyOf(headers, path, body) : null,
    origin: call === null ? NO_ORIGIN : originOf(headers, json?.sessionId ?? null),
    isFree: model?.endsWith(":free") === true && json?.asksForMore === false &&
      asks?.models.length === 1 && asks.serverTools.length === 0 && asks.unnamed === null &&
      !asks.hasDocument,
    chargesErrors: asks !== null && (asks.serverTools.length > 0 || asks.hasDocument),
    isHeard: call !== null && !streaming,
    hasLinks: call?.beginsJob === true ||
      (endpoint.kind === "job" && !path.endsWith("/content")),
  };
}

function ownIdsOf({ endpoint }: Opened, previousJobIds: Iterable<string>): string[] {
  switch (endpoint.kind) {
    case "job":
      return [endpoint.jobId, ...previousJobIds];
    case "generation":
      return [endpoint.id, ...previousJobIds];
    default:
      return [...previousJobIds];
  }
}
