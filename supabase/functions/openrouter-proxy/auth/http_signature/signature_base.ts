/** What a signature of RFC 9421 covers, as text: the signature base (section 2.5). */
import {
  type InnerList,
  type Parameters,
  serializeInnerList,
  serializeItem,
} from "structured-headers";
import { GatewayError } from "../../errors.ts";
import { targetOf, unusable, valueOf } from "./signature_component.ts";
import type { RequestHead } from "../signed_request.ts";

/** A component identifier (section 2) and what it stands for in this request. */
export interface Component {
  readonly name: string;
  readonly parameters: Parameters;
  /** The identifier as the signature base has it: `"content-digest";key="sha-256"`. */
  readonly identifier: string;
  readonly value: string;
}

/** A caller could make the gateway work with more of them before anything is verified. */
const MAX_COMPONENTS = 32;

/** Section 2.1: what a value may be made of in a signature base. */
const ASCII = /^[\t\x20-\x7e]*$/;

/** Fields that are told back where a signature fails: those that hold no secret. */
const TOLD = /^(?:@.*|content-(?:digest|type|length)|host|date|accept)$/;

/**
 * The covered components, in their order.
 *
 * @param audience an http(s) URL without query
 * @throws {GatewayError} invalid_request where one is no component identifier, invalid_signature
 * where one is not in this request, or is covered twice
 */
export function readComponents(
  [items]: InnerList,
  head: RequestHead,
  audience: string,
): readonly Component[] {
  if (items.length > MAX_COMPONENTS) throw unusable(`it covers over ${MAX_COMPONENTS} components`);
  const target = targetOf(head, audience);
  const seen = new Set<string>();
  return items.map(([name, parameters]) => {
    if (typeof name !== "string") {
      throw new GatewayError("invalid_request", "signature-input covers components as strings");
    }
    const identifier = serializeItem(name, parameters);
    // Section 2: the order of parameters makes no other component.
    const unordered = serializeItem(name, new Map([...parameters].sort()));
    if (seen.has(unordered)) throw unusable(`it covers ${identifier} twice`);
    seen.add(unordered);
    const value = valueOf(name, parameters, identifier, target);
    if (!ASCII.test(value)) {
      const remedy = name.startsWith("@")
        ? "send path and query percent-encoded"
        : "cover it with the parameter bs";
      throw unusable(`${identifier} is not ASCII; ${remedy}`);
    }
    return { name, parameters, identifier, value };
  });
}

/** @param isTold whether a component's value is written out; the others become `…` */
export function signatureBase(
  components: readonly Component[],
  signatureParams: InnerList,
  isTold: (component: Component) => boolean = () => true,
): string {
  return [
    ...components.map((component) =>
      `${component.identifier}: ${isTold(component) ? component.value : "…"}`
    ),
    `"@signature-params": ${serializeInnerList(signatureParams)}`,
  ].join("\n");
}

/** Whether a value can be repeated in an answer, which may be logged by the client. */
export function holdsNoSecret({ name }: Component): boolean {
  return TOLD.test(name);
}
