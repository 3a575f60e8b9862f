/** The site that page.ts is a page of. */
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import type { Report } from "./page.ts";

const PAGE = "/page.js";

export interface PageServer {
  port: number;
  /** Hands over the report that a page has posted; null while there is none. */
  takeReport(): Report | null;
  stop(): Promise<void>;
}

export function startPageServer(): PageServer {
  let report: Report | null = null;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/") {
        const html = `<!doctype html><script type="module" src="${PAGE}"></script>`;
        return new Response(html, { headers: { "content-type": "text/html" } });
      }
      if (pathname === PAGE) {
        return new Response(await bundledPage(), {
          headers: { "content-type": "text/javascript" },
        });
      }
      if (pathname === "/report") {
        report = await request.json();
        return new Response(null, { status: 204 });
      }
      return new Response(null, { status: 404 });
    },
  );
  return {
    port: server.addr.port,
    takeReport() {
      const taken = report;
      report = null;
      return taken;
    },
    stop: () => server.shutdown(),
  };
}

/** page.ts and the client code, as an app's bundler makes one file of them. */
async function bundledPage(): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { outputFiles } = await esbuild.build({
      entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
      bundle: true,
      format: "esm",
      platform: "browser",
      write: false,
    });
    return new Uint8Array(outputFiles[0]!.contents);
  } finally {
    await esbuild.stop();
  }
}
