/**
 * What each component of a signature stands for in a request (RFC 9421 section 2), by the URL that its
 * client knows. The handler's own URL is another one behind Supabase's relay.
 */
import {
  type Dictionary,
  type Parameters,
  serializeDictionary,
  serializeItem,
} from "structured-headers";
import { GatewayError } from "../../errors.ts";
import type { RequestHead } from "../signed_request.ts";
import { readDictionary, serializeMember } from "./structured_field.ts";

/** A request as its client sees it. */
export interface Target extends RequestHead {
  /** `audience`, then path and query. */
  readonly uri: string;
  /** What comes before path and query in `uri`. */
  readonly audience: URL;
  /** Reads a field, once however many of its members are covered. */
  readonly dictionaryOf: (name: string) => Dictionary | null;
  /** The query's parameters, their names encoded anew (section 2.2.8). */
  readonly queryParams: () => readonly (readonly [string, string])[];
}

type Derive = (target: Target, parameters: Parameters) => string;

/** The components that are derived from a request (section 2.2). */
const DERIVED: Readonly<Record<string, Derive>> = {
  "@method": ({ method }) => method,
  "@target-uri": ({ uri }) => uri,
  "@authority": ({ audience }) => audience.host,
  "@scheme": ({ audience }) => audience.protocol.slice(0, -1),
  "@request-target": (target) => pathOf(target) + queryOf(target),
  "@path": pathOf,
  "@query": (target) => queryOf(target) || "?",
  "@query-param": queryParam,
};

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** Fields of requests that are defined as dictionaries, so that their strict form is known. */
const DICTIONARIES =
  /^(?:(?:want-)?(?:content|repr)-digest|signature-input|(?:accept-)?signature|priority)$/;

/** @param audience an http(s) URL without query */
export function targetOf(head: RequestHead, audience: string): Target {
  return {
    ...head,
    uri: audience + head.pathAndQuery,
    audience: new URL(audience),
    dictionaryOf: remembered((name) => readDictionary(head.headers, name)),
    queryParams: remembered(() =>
      [...new URLSearchParams(queryOf(head))].map(([name, value]) =>
        [formEncoded(name), value] as const
      )
    ),
  };
}

function remembered<Value>(compute: (key: string) => Value): (key?: string) => Value {
  const values = new Map<string, Value>();
  return (key = "") => {
    if (!values.has(key)) values.set(key, compute(key));
    return values.get(key)!;
  };
}

/**
 * @param identifier name and parameters as errors tell them
 * @throws {GatewayError} invalid_signature where the request has no such component, invalid_request
 * where a field of it is malformed
 */
export function valueOf(
  name: string,
  parameters: Parameters,
  identifier: string,
  target: Target,
): string {
  if (!name.startsWith("@")) return fieldValue(name, parameters, identifier, target);
  const derive = Object.hasOwn(DERIVED, name) ? DERIVED[name] : undefined;
  if (!derive) throw unusable(`${identifier} is no component of requests that the gateway knows`);
  assertParameters(parameters, name === "@query-param" ? ["name"] : [], identifier);
  return derive(target, parameters);
}

/** Section 2.1: a header field, or a strict form of it. */
function fieldValue(
  name: string,
  parameters: Parameters,
  identifier: string,
  { headers, audience, dictionaryOf }: Target,
): string {
  if (!FIELD_NAME.test(name)) throw unusable(`${identifier} is no field name in lower case`);
  assertParameters(parameters, parameters.has("bs") ? ["bs"] : ["sf", "key"], identifier);
  // Relays put their own name there.
  const value = name === "host" ? audience.host : headers.get(name);
  if (value === null) throw unusable(`it covers ${identifier}, which was not sent`);
  if (parameters.has("key")) {
    const key = parameters.get("key");
    const member = typeof key === "string" ? dictionaryOf(name)?.get(key) : undefined;
    if (!member) throw unusable(`it covers ${identifier}, which is no member of that field`);
    return serializeMember(member);
  }
  if (parameters.has("sf")) {
    const dictionary = DICTIONARIES.test(name) ? dictionaryOf(name) : null;
    if (!dictionary) throw unusable(`sf is not known for ${name}; cover it as it is`);
    return serializeDictionary(dictionary);
  }
  return parameters.has("bs") ? serializeItem(latin1(value)) : value;
}

function assertParameters(parameters: Parameters, known: readonly string[], identifier: string) {
  for (const [name, value] of parameters) {
    const isWellTyped = name === "key" || name === "name"
      ? typeof value === "string"
      : value === true;
    if (known.includes(name) && isWellTyped) continue;
    throw unusable(
      name === "req" || name === "tr"
        ? `${identifier} is of responses or trailers, not of a request's head`
        : `${identifier} has a parameter that the gateway does not know there: ${name}`,
    );
  }
}

function pathOf({ audience, pathAndQuery }: Target): string {
  return audience.pathname.replace(/\/$/, "") + pathAndQuery.replace(/\?.*$/s, "") || "/";
}

function queryOf({ pathAndQuery }: RequestHead): string {
  return /\?.*$/s.exec(pathAndQuery)?.[0] ?? "";
}

/** Section 2.2.8: the one query parameter of that name. */
function queryParam({ queryParams }: Target, parameters: Parameters): string {
  const values = queryParams().filter(([name]) => name === parameters.get("name"));
  if (values.length !== 1) {
    throw unusable(
      `it covers a query parameter that was sent ${values.length} times instead of once`,
    );
  }
  return formEncoded(values[0]![1]);
}

/** The application/x-www-form-urlencoded percent-encode set of the URL standard, spaces as %20. */
function formEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `Headers` holds bytes as characters up to U+00FF. */
function latin1(text: string) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** @param what completes the sentence */
export function unusable(what: string): GatewayError {
  return new GatewayError("invalid_signature", `the signature is not usable: ${what}`);
}
