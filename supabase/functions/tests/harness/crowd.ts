/** DIDs for many refusals: the gateway hears one that is refused 120 times a minute, and no more. */
import { type Identity, newIdentity } from "./client.ts";

const REFUSALS_OF_ONE = 100;

/** As many as it takes, where they take turns. @param refusals how many there will be */
export async function crowdFor(refusals: number): Promise<Identity[]> {
  const size = Math.ceil(refusals / REFUSALS_OF_ONE);
  return await Promise.all(Array.from({ length: size }, newIdentity));
}
