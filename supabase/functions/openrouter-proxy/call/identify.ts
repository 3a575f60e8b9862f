/** Who sends a request, and its body, which a signature covers. */
import type { Context } from "hono";
import type { RevokedTokens } from "../accounts/revoked_tokens.ts";
import type { Authenticate, Authentication, Identity } from "../auth/authenticate.ts";
import type { Bytes } from "../bytes/encodings.ts";
import type { BodiesUnderWay } from "../http/bodies/bodies_under_way.ts";
import { pathAndQueryOf } from "../http/function_path.ts";
import type { Rates } from "../http/rates.ts";
import { type ReceivedBody, requestBytes } from "../http/bodies/request_bytes.ts";
import type { RequestEnv } from "../http/request_log.ts";

/** A request whose sender is known. Disposing of it gives its body's memory back. */
export interface Identified extends Disposable {
  identity: Identity;
  /** Empty when there is none. */
  body: Bytes;
  /**
   * Is called when nobody but Postgres can refuse the request, and before that is asked: so much may
   * be read.
   *
   * @throws {GatewayError} rate_limited
   */
  countRead(): void;
}

/** The sender of a request that its headers alone do not refuse. */
export interface Caller {
  /** Whose token it is; null where a signature covers the body, so that nothing is proven yet. */
  identity: Identity | null;
  /**
   * Receives the body, and verifies the signature where there is one.
   *
   * @throws {GatewayError} rate_limited, invalid_token, and what requestBytes and Authentication.verify
   *   throw
   */
  receive(): Promise<Identified>;
}

/**
 * @throws {GatewayError} rate_limited, invalid_token, and what else Authenticate throws, before any of
 *   the body comes
 */
export type Identify = (c: Context<RequestEnv>) => Promise<Caller>;

export function createIdentify(
  authenticate: Authenticate,
  maxRequestBytes: number,
  bodies: BodiesUnderWay,
  rates: Pick<Rates, "hear" | "countRead">,
  revoked: Pick<RevokedTokens, "refuse">,
): Identify {
  function hear(c: Context<RequestEnv>, { did, tokenIssuedAt }: Identity) {
    c.set("did", did);
    if (tokenIssuedAt !== null) revoked.refuse(c, did, tokenIssuedAt);
    rates.hear(did);
  }

  async function receive(
    c: Context<RequestEnv>,
    { identity, verify }: Authentication,
  ): Promise<Identified> {
    const kind = identity === null ? "unverified" : "verified";
    const sender = { kind, did: identity?.did ?? null } as const;
    const body = await requestBytes(c.req.raw, maxRequestBytes, sender, bodies);
    c.set("bodyReceived", true);
    try {
      const verified = await verify(body.bytes);
      if (identity === null) hear(c, verified);
      return new IdentifiedRequest(verified, body, c, rates);
    } catch (error) {
      body[Symbol.dispose]();
      throw error;
    }
  }

  return (c) => {
    const { method, url, headers } = c.req.raw;
    return authenticate({ method, pathAndQuery: pathAndQueryOf(url), headers }).then(
      (authentication) => {
        const { identity } = authentication;
        if (identity !== null) hear(c, identity);
        return { identity, receive: () => receive(c, authentication) };
      },
    );
  };
}

/** A class, because each call is one: its functions are not made anew. */
class IdentifiedRequest implements Identified {
  readonly body;

  constructor(
    readonly identity: Identity,
    private readonly received: ReceivedBody,
    private readonly c: Context<RequestEnv>,
    private readonly rates: Pick<Rates, "countRead">,
  ) {
    this.body = received.bytes;
  }

  countRead(): void {
    this.rates.countRead(this.c, this.identity.did);
  }

  [Symbol.dispose](): void {
    this.received[Symbol.dispose]();
  }
}
