/** Who calls: DIDs of every method and type of key, with limits and without. */
import type { Database } from "../../supabase/functions/tests/harness/database.ts";
import { setLimits } from "../../supabase/functions/tests/harness/limits.ts";
import {
  createIdentityRecord,
  type Identity,
  identityOf,
  type NewIdentity,
  type PrivateJwk,
} from "../client/llm_gateway.ts";
import { type Carrier, CARRIERS } from "./carriers.ts";

/** Where the DID documents of did:web are. */
export const DID_WEB_HOST = "people.soak.example";

export interface Person {
  name: string;
  identity: Identity;
  carriers: Carrier[];
}

/** What an operator has set for a person, as set_limits takes it. */
type Limits = Record<string, string | number | string[]>;

/** Everybody's key, and the limits of those who have some. */
const PEOPLE: Record<string, NewIdentity & { limits?: Limits }> = {
  ed25519: { type: "ed25519" },
  p256: { type: "p256", limits: { daily_budget_usd: "50", monthly_budget_usd: "200" } },
  secp256k1: { type: "secp256k1", limits: { monthly_budget_usd: "80" } },
  "jwk-ed25519": { method: "jwk", type: "ed25519" },
  "jwk-p256": { method: "jwk", type: "p256", limits: { daily_budget_usd: "20" } },
  "jwk-secp256k1": { method: "jwk", type: "secp256k1" },
  wallet: { method: "pkh", limits: { daily_budget_usd: "30", monthly_budget_usd: "30" } },
  web: { type: "ed25519", did: `did:web:${DID_WEB_HOST}` },
  /** Spends all that it has before the end. */
  modest: { type: "ed25519", limits: { daily_budget_usd: "0.002" } },
  /** Can pay for nothing. */
  poor: { type: "ed25519", limits: { daily_budget_usd: "0.00000001" } },
  /** May use models of another maker alone. */
  listed: { type: "p256", limits: { allowed_models: ["anthropic/*"] } },
  blocked: { type: "ed25519" },
};

/** Those whose calls are good, as far as their limits go. */
export const CALLERS = [
  "ed25519",
  "p256",
  "secp256k1",
  "jwk-ed25519",
  "jwk-p256",
  "jwk-secp256k1",
  "wallet",
  "web",
  "modest",
];

/** Somebody whom the gateway has never seen. */
export async function newPerson(name: string, key: NewIdentity = {}): Promise<Person> {
  return personOf(name, await identityOf(await createIdentityRecord(key)));
}

function personOf(name: string, identity: Identity): Person {
  const carriers = CARRIERS.filter(({ takes }) => takes(identity));
  return { name, identity, carriers };
}

export interface People {
  byName: Record<string, Person>;
  /** The documents of those with did:web, by their URLs. */
  didDocuments: Record<string, unknown>;
}

/** Makes everybody's keys. */
export async function createPeople(): Promise<People> {
  const byName: Record<string, Person> = {};
  const didDocuments: Record<string, unknown> = {};
  for (const [name, { limits: _, ...key }] of Object.entries(PEOPLE)) {
    const record = await createIdentityRecord(key);
    byName[name] = personOf(name, await identityOf(record));
    if (key.did !== undefined) {
      didDocuments[`https://${DID_WEB_HOST}/.well-known/did.json`] = documentOf(
        record.did,
        record.privateKeyJwk,
      );
    }
  }
  return { byName, didDocuments };
}

function documentOf(did: string, { d: _, ...publicKeyJwk }: PrivateJwk) {
  const id = `${did}#key-1`;
  return {
    id: did,
    verificationMethod: [{ id, type: "JsonWebKey", controller: did, publicKeyJwk }],
    authentication: [id],
  };
}

/** Sets everybody's limits, as the operator does. */
export async function setEverybodysLimits(db: Database, { byName }: People): Promise<void> {
  for (const [name, { limits }] of Object.entries(PEOPLE)) {
    if (limits !== undefined) await setLimits(db, byName[name]!.identity.did, limits);
  }
  await db.sql`select public.block_did(${byName.blocked!.identity.did})`;
}
