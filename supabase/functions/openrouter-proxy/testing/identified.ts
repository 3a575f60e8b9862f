/** Requests whose sender is known, for what comes after that. */
import type { Identity } from "../auth/authenticate.ts";
import type { Identified, Identify } from "../call/identify.ts";

/** A verified request without a body. @param parts what is otherwise */
export function identifiedAs(identity: Identity, parts: Partial<Identified> = {}): Identified {
  const body = new Uint8Array();
  return { identity, body, countRead() {}, [Symbol.dispose]() {}, ...parts };
}

/** Takes each request for this one, whose sender its headers prove. */
export function identifyAs(identified: Identified): Identify {
  const { identity } = identified;
  return () => Promise.resolve({ identity, receive: () => Promise.resolve(identified) });
}
