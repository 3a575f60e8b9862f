/**
 * What authentication costs: verifications per second by kind of signer, beside the bare
 * cryptography in the same run, under the Deno of Supabase's runtime. Figures of one run compare; those
 * of two do not.
 *
 * Usage: deno run -A scripts/bench/auth.ts
 */
import {
  authenticatorWith,
  bearer,
  messageOf,
  newSigner,
  partsOf,
  requestOf,
  signatureText,
  type SignedParts,
  signedToken,
  SIGNER_KINDS,
} from "../../supabase/functions/openrouter-proxy/testing/signers.ts";
import { median } from "./gateways/median.ts";

const EDGE_RUNTIME_DENO = "2.1.4";
const ROUNDS = 5;
const ROUND_MS = 200;

/** One operation of a series that takes the inputs in turn. */
type Operation = () => Promise<unknown>;

if (Deno.version.deno === EDGE_RUNTIME_DENO) {
  await printVerifications();
} else {
  const { success } = await new Deno.Command("npx", {
    args: [
      ...["-y", `deno@${EDGE_RUNTIME_DENO}`, "run", "-A", "--no-lock", "--node-modules-dir=none"],
      import.meta.filename!,
    ],
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  Deno.exit(success ? 0 : 1);
}

async function printVerifications(): Promise<void> {
  const series = new Map<string, Operation>([[
    "bare Ed25519 verify + SHA-256",
    await bareEd25519(),
  ]]);
  for (const kind of SIGNER_KINDS) {
    const signer = await newSigner(kind);
    const requests = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const parts = partsOf(signer, { nonce: `n-${i}`, body: `{"n":"${"x".repeat(1000)}"}` });
        return requestOf(parts, signatureText(await signer.sign(await messageOf(parts))));
      }),
    );
    series.set(`request, ${kind}`, authenticating(requests, authenticatorWith()));
  }
  const signer = await newSigner("did:key Ed25519");
  series.set("token, did:key Ed25519", authenticating([bearer(await signedToken(signer))]));
  series.set("request, did:key Ed25519, key not cached", await authenticatingAnew());

  const rates = new Map([...series.keys()].map((name): [string, number[]] => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, operation] of series) {
      const rate = await ratePerSecond(operation);
      if (round > 0) rates.get(name)!.push(rate);
    }
  }
  const [bare] = [...rates.values()].map(median);
  console.log(`\nVerifications, Deno ${Deno.version.deno}, body of 1 kB, one at a time`);
  for (const [name, values] of rates) {
    const rate = median(values);
    console.log(
      `${name.padEnd(44)} ${rate.toFixed(0).padStart(7)} /s   ${
        ratio(bare! / rate)
      } the time of bare`,
    );
  }
}

/** The least that any gateway does: one verification, one digest of the body. */
async function bareEd25519(): Promise<Operation> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const message = crypto.getRandomValues(new Uint8Array(300));
  const body = crypto.getRandomValues(new Uint8Array(1000));
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, message);
  return async () => {
    await crypto.subtle.digest("SHA-256", body);
    await crypto.subtle.verify("Ed25519", pair.publicKey, signature, message);
  };
}

function authenticating(requests: SignedParts[], authenticate = authenticatorWith()): Operation {
  let next = 0;
  return () => authenticate(requests[next++ % requests.length]!);
}

/** More DIDs in turn than the cache of keys holds, so that each key is parsed and imported anew. */
async function authenticatingAnew(): Promise<Operation> {
  const requests = await Promise.all(
    Array.from({ length: 3000 }, async () => {
      const signer = await newSigner("did:key Ed25519");
      const parts = partsOf(signer);
      return requestOf(parts, signatureText(await signer.sign(await messageOf(parts))));
    }),
  );
  return authenticating(requests);
}

async function ratePerSecond(operation: Operation): Promise<number> {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  while ((elapsed = performance.now() - start) < ROUND_MS) {
    await operation();
    count++;
  }
  return count / elapsed * 1000;
}

function ratio(value: number): string {
  return `×${value.toFixed(2)}`;
}
