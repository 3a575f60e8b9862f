/** Hosts of did:web documents. */
import { authenticatorWith, newSigner, NOW, type Signer } from "./signers.ts";

export const DID = "did:web:example.com";
export const keySigner = await newSigner("did:key Ed25519");

/** The signer's key under another DID. */
export const as = (did: string, signer: Signer = keySigner): Signer => ({ ...signer, did });

export function documentOf(did: string, ...signers: Signer[]) {
  return {
    id: did,
    authentication: signers.map(({ multikey }, i) => ({
      id: `${did}#key-${i}`,
      type: "Multikey",
      controller: did,
      publicKeyMultibase: multikey,
    })),
  };
}

interface Site {
  requests: string[];
  fetch: typeof fetch;
}

/** Stands in for the web: answers each request with what `respond` makes of its URL. */
export function siteOf(respond: (url: string) => unknown): Site {
  const requests: string[] = [];
  return {
    requests,
    fetch: (input) => {
      const url = String(input);
      requests.push(url);
      const answer = respond(url);
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve(
        answer instanceof Response ? answer : new Response(JSON.stringify(answer)),
      );
    },
  };
}

export function gatewayFor(site: Site, now = () => NOW * 1000) {
  return authenticatorWith({ didWebHosts: ["example.com", "10.0.0.1"], fetch: site.fetch, now });
}
