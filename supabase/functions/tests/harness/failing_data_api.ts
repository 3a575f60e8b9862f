/** The Data API as the gateway's network lets it through. */
import { type Proxy, startProxy } from "./proxy.ts";

/**
 * What happens to a call of an RPC. The network's failure, or silence, comes before Postgres has the
 * call or after it has done it.
 */
export type RpcFault = "lost" | "done, answer lost" | "held" | "done, answer held";

export interface FailingDataApi extends Proxy {
  /** The RPCs that were called, oldest first. */
  calls: string[];
  /** Strikes the next `times` calls of an RPC. Resolves when it strikes, with the effect there. */
  strike(rpc: string, fault: RpcFault, times?: number): Promise<void>;
  /** Forgets faults that did not strike, and lets go of calls that are held. */
  clear(): void;
}

export function startFailingDataApi(supabaseUrl: string): FailingDataApi {
  const calls: string[] = [];
  let released = Promise.withResolvers<void>();
  let faults: { rpc: string; fault: RpcFault; left: number; struck: () => void }[] = [];

  const proxy = startProxy(supabaseUrl, async (request, pass) => {
    const rpc = new URL(request.url).pathname.replace("/rest/v1/rpc/", "");
    calls.push(rpc);
    const strike = faults.find((fault) => fault.rpc === rpc && fault.left > 0);
    if (strike === undefined) return await pass();
    strike.left--;
    const { fault, struck } = strike;
    if (fault.startsWith("done")) await (await pass()).body?.cancel();
    struck();
    if (fault.endsWith("held")) await released.promise;
    return new Response("lost on the way", { status: 502 });
  });

  function clear() {
    faults = [];
    released.resolve();
    released = Promise.withResolvers();
  }

  return {
    ...proxy,
    calls,
    strike(rpc, fault, times = 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      faults.push({ rpc, fault, left: times, struck: resolve });
      return promise;
    },
    clear,
    async stop() {
      clear();
      await proxy.stop();
    },
  };
}
