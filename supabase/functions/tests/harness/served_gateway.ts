/** A gateway in this process, whose audience is where it listens. */
import { deployedGateway, gatewayFromEnv } from "../../openrouter-proxy/runtime.ts";

export interface ServedGateway {
  url: string;
  stop(): Promise<void>;
}

/**
 * @param env without GATEWAY_AUDIENCE
 * @param around what stands in front of it
 */
export async function serveGateway(
  env: Record<string, string>,
  around: (request: Request, next: (request: Request) => Promise<Response>) => Promise<Response> = (
    request,
    next,
  ) => next(request),
): Promise<ServedGateway> {
  let handle: (request: Request) => Promise<Response>;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => around(request, handle),
  );
  const url = `http://127.0.0.1:${server.addr.port}/functions/v1/openrouter-proxy`;
  const environment: Record<string, string> = { GATEWAY_AUDIENCE: url, ...env };
  const get = (name: string) => environment[name];
  let idle = () => Promise.resolve();
  try {
    const gateway = gatewayFromEnv({ get });
    handle = gateway.fetch;
    idle = gateway.idle;
  } catch {
    handle = deployedGateway({ get }).fetch;
  }
  return await Promise.resolve({
    url,
    async stop() {
      await server.shutdown();
      await idle();
    },
  });
}
