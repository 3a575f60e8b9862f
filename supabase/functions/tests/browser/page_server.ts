/** The site that page.ts is a page of. */
import { fileURLToPath } from "node:url";
import type { Report } from "./page.ts";

const ROOT = new URL("../../../../", import.meta.url);
const PAGE = "/supabase/functions/tests/browser/page.ts";
/** What may be read of the project: the page and the module that apps copy. */
const MODULES = [PAGE, "/scripts/client/llm_gateway.ts"];

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
      if (MODULES.includes(pathname)) {
        return new Response(await javascriptOf(new URL(`.${pathname}`, ROOT)), {
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

/** A module without its types; its imports keep their names, which is what the site serves. */
async function javascriptOf(module: URL): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["transpile", fileURLToPath(module)],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return stdout;
}
