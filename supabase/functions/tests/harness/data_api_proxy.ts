/** A witness between the gateway and its database: what SUPABASE_URL is asked, call by call. */

export interface DataApiProxy {
  /** What belongs into the gateway's SUPABASE_URL. */
  url: string;
  /** Method and path of every call so far: `POST /rest/v1/rpc/admit_request`. */
  calls: string[];
  stop(): Promise<void>;
}

/** @param target the URL that calls are handed to, once there are any */
export function startDataApiProxy(target: () => string): DataApiProxy {
  const calls: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async ({ method, url, headers, body }) => {
      const { pathname, search } = new URL(url);
      calls.push(`${method} ${pathname}`);
      return await fetch(target() + pathname + search, { method, headers, body });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    calls,
    stop: () => server.shutdown(),
  };
}
