/** How a request says whose it is. */
import {
  type Identity,
  type RequestToSign,
  signHttpMessage,
  signRequest,
} from "../client/llm_gateway.ts";
import { createToken } from "../client/token_source.ts";
import { AUDIENCE } from "../../supabase/functions/tests/harness/client.ts";

export interface Carrier {
  name: string;
  /** Whether each request is signed, and taken once. */
  signs: boolean;
  takes(identity: Identity): boolean;
  headersFor(
    identity: Identity,
    request: Omit<RequestToSign, "audience">,
  ): Promise<Record<string, string>>;
}

/** Shorter than a soak, so that tokens are renewed. */
const TOKEN_LIFE_S = 120;
const RENEWED_AFTER_MS = 90_000;
const tokens = new WeakMap<Identity, { token: Promise<string>; madeAtMs: number }>();

/** A token of the identity that others of its calls have, too. */
async function tokenOf(identity: Identity): Promise<string> {
  const held = tokens.get(identity);
  if (held !== undefined && Date.now() - held.madeAtMs < RENEWED_AFTER_MS) return await held.token;
  const token = createToken(identity, { audience: AUDIENCE, ttlSeconds: TOKEN_LIFE_S });
  tokens.set(identity, { token, madeAtMs: Date.now() });
  return await token;
}

const isWallet = ({ algorithm }: Identity) => algorithm === "EIP-191";

export const CARRIERS: readonly Carrier[] = [
  {
    name: "signed request",
    signs: true,
    takes: () => true,
    headersFor: async (identity, request) => ({
      ...await signRequest(identity, { audience: AUDIENCE, ...request }),
    }),
  },
  {
    name: "RFC 9421",
    signs: true,
    takes: (identity) => !isWallet(identity),
    headersFor: async (identity, request) => ({
      ...await signHttpMessage(identity, { audience: AUDIENCE, ...request }),
    }),
  },
  {
    name: "token as Bearer",
    signs: false,
    takes: () => true,
    headersFor: async (identity) => ({ authorization: `Bearer ${await tokenOf(identity)}` }),
  },
  {
    name: "token in x-api-key",
    signs: false,
    takes: () => true,
    headersFor: async (identity) => ({ "x-api-key": await tokenOf(identity) }),
  },
];
