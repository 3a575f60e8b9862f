/**
 * An Ethereum wallet (MetaMask and the like) as an identity.
 *
 * Source: EIP-1193 (the provider), EIP-191 (`personal_sign`).
 */
import { fromHex, hex } from "./encodings.ts";
import type { Identity } from "./identity.ts";

/** What every browser wallet offers, e.g. as `window.ethereum` (EIP-1193). */
export interface Eip1193Provider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

/**
 * Connects to a wallet and takes its first account as the identity `did:pkh:eip155:<chain>:<address>`.
 * The wallet asks its owner about every signature: make a session of it
 * (`createWalletSession`, `tokenSource`) for anything but single requests.
 *
 * @param chainId the chain that the DID names; the account is the same on every one
 * @throws {TypeError} when the wallet shares no account; what the wallet throws when its owner
 * declines
 */
export async function walletIdentity(
  provider: Eip1193Provider,
  { chainId = 1 }: { chainId?: number } = {},
): Promise<Identity> {
  const accounts = await provider.request({ method: "eth_requestAccounts" }) as string[];
  const address = accounts[0];
  if (address === undefined) throw new TypeError("the wallet shares no account");
  return {
    did: `did:pkh:eip155:${chainId}:${address.toLowerCase()}`,
    algorithm: "EIP-191",
    sign: async (message) => {
      const params = [`0x${hex(message)}`, address];
      const signature = fromHex(
        String(await provider.request({ method: "personal_sign", params })),
      );
      if (signature.length !== 65) {
        throw new TypeError(
          `the wallet's signature has ${signature.length} bytes, not 65: ` +
            "smart accounts (ERC-1271) have no key that the gateway could verify",
        );
      }
      return signature;
    },
  };
}
