import * as esbuild from "esbuild";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createAuthenticator } from "../supabase/functions/openrouter-proxy/auth/authenticate.ts";
import { BROWSERS, withPage } from "../supabase/functions/tests/browser/browsers.ts";
import { isInstalled } from "../supabase/functions/tests/harness/installed.ts";
import config from "../deno.json" with { type: "json" };
import { startVerifyingGateway } from "./identity/verifying_gateway.ts";
import { packageFiles } from "./package/files.ts";
import { tarball } from "./package/tarball.ts";
import { runToEnd } from "./run_to_end.ts";

const [npm, npx] = Deno.build.os === "windows" ? ["npm.cmd", "npx.cmd"] : ["npm", "npx"];
const folder = await Deno.makeTempDir();
/** An empty project that the tarball was installed into. */
const project = `${folder}/project`;
const installed = `${project}/node_modules/llm-gateway-client`;

Deno.test.beforeAll(async () => {
  await Deno.mkdir(project);
  await Deno.writeTextFile(`${project}/package.json`, '{"private":true,"type":"module"}');
  const task = ["run", "--quiet", "-A", `${import.meta.dirname}/package.ts`, "--out", folder];
  const path = (await run(Deno.execPath(), task)).trim();
  await run(npm, ["install", "--offline", "--no-audit", "--no-fund", path]);
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

/** Runs a program in the project; gives its standard output, and is content with no other. */
async function run(program: string, args: string[], env: Record<string, string> = {}) {
  const { success, stdout, stderr } = await runToEnd(program, {
    args,
    cwd: project,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  });
  assert.ok(success, stderr + stdout);
  return stdout;
}

Deno.test("the package is the same bytes each time, and needs nothing but its runtime", async () => {
  const files = await packageFiles();
  const [name] = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".tgz"));
  assert.deepEqual(
    Buffer.from(tarball(files)),
    Buffer.from(await Deno.readFile(`${folder}/${name}`)),
  );

  const manifest = JSON.parse(await Deno.readTextFile(`${installed}/package.json`));
  assert.equal(manifest.engines.node, ">=20");
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "scripts"]) {
    assert.equal(manifest[kind], undefined);
  }
  for (const { path, text } of files.filter(({ path }) => path.endsWith(".js"))) {
    const imported = [...text.matchAll(/^(?:import|\} from|export .* from) ?"?.*"([^"]+)";$/gm)]
      .map(([, specifier]) => specifier!);
    assert.ok(imported.every((name) => /^(?:node:|\.\/)/.test(name)), `${path}: ${imported}`);
  }
  const licenses = await Deno.readTextFile(`${installed}/THIRD_PARTY_LICENSES`);
  for (const name of ["@noble/hashes", "@noble/secp256k1", "commander"]) {
    assert.match(licenses, new RegExp(`^${name} \\d[^]*MIT`, "m"));
  }
});

/** What an app does with every kind of identity, through the package's public names alone. */
const PROGRAM = `
import { createIdentityRecord, createWalletSession, httpSignatureFetch, identityOf, signedFetch,
  signHttpMessage, tokenSource } from "llm-gateway-client";
import { loadIdentity, openIdentity, readPrivateKey, saveIdentity } from "llm-gateway-client/node";
import { mkdtemp } from "node:fs/promises";

const gatewayUrl = process.argv[2];
const folder = await mkdtemp("identities-");
const url = gatewayUrl + "/api/v1/openrouter/x";
async function send(fetch, body, headers = {}, query = "") {
  const response = await fetch(url + query, { method: "POST", body, headers });
  if (!response.ok) throw new Error(await response.text());
}
for (const [type, method] of [["ed25519", "key"], ["p256", "jwk"], ["secp256k1", "key"],
    ["secp256k1", "jwk"], ["secp256k1", "pkh"]]) {
  const file = folder + "/" + type + method + ".did.json";
  const record = await createIdentityRecord({ type, method });
  await saveIdentity(file, record);
  if (readPrivateKey(record.privateKeyJwk.d, type).x !== record.privateKeyJwk.x) throw new Error(type);
  const identity = await loadIdentity(file);
  const form = new FormData();
  form.set("file", new Blob(["a"]), "a.wav");
  for (const body of [new Blob(["one ", "two"]).stream(), form, "text", new Uint8Array([255])]) {
    await send(signedFetch(identity, { gatewayUrl }), body);
  }
  for (const query of ["?", "?a=1?", "?#a"]) {
    await send(signedFetch(identity, { gatewayUrl }), "text", {}, query);
  }
  const token = await tokenSource(identity, { gatewayUrl }).get();
  if (method === "pkh") {
    const session = await createWalletSession(identity, { audience: gatewayUrl });
    if (!token.startsWith("siwe.") || !session.startsWith("siwe.")) throw new Error(token);
  } else {
    await send(fetch, "text", { authorization: "Bearer " + token });
    const { signature } = await signHttpMessage(identity, { audience: gatewayUrl, method: "GET", path: "/" });
    if (!/^did=:[A-Za-z0-9+/]{86}==:$/.test(signature)) throw new Error(signature);
  }
  console.log(identity.did);
}
const { did } = await openIdentity(folder + "/new.did.json");
if (did !== (await openIdentity(folder + "/new.did.json")).did) throw new Error(did);
`;

/** A Node of npm's, found once: npx itself takes a second. */
const nodes = [20, 22, 24].map((major) => {
  let found: Promise<string> | null = null;
  const find = async () =>
    (await run(npx!, ["-y", `node@${major}`, "-p", "process.execPath"])).trim();
  return { name: `Node ${major}`, args: [] as string[], program: () => found ??= find() };
});
const deno = {
  name: "Deno",
  args: ["run", "--quiet", "-A"],
  program: () => Promise.resolve(Deno.execPath()),
};
const USAGE = {
  did: "did:key:z6Mk",
  total_requests: 2,
  failed_requests: 0,
  requests_without_cost: 0,
  total_input_tokens: 3,
  total_output_tokens: 4,
  total_cost: 0.25,
  groups: [],
  budgets: [],
};
for (const { name, program, args } of [...nodes, deno]) {
  Deno.test(`under ${name}, the installed package makes, saves, reads and uses identities of every kind`, async () => {
    await using gateway = startVerifyingGateway();
    await Deno.writeTextFile(`${project}/program.mjs`, PROGRAM);
    const printed = await run(await program(), [...args, "program.mjs", gateway.url]);
    const dids = printed.trimEnd().split("\n");
    assert.equal(new Set(dids).size, 5);
    assert.deepEqual(
      gateway.received.map(({ did }) => did),
      dids.flatMap((did) => Array(did.startsWith("did:pkh:") ? 7 : 8).fill(did)),
    );
  });

  Deno.test(`under ${name}, the installed did works in any folder, and warns of nothing`, async () => {
    await using gateway = startVerifyingGateway();
    const elsewhere = await Deno.makeTempDir({ dir: folder });
    const env = { DID_FILE: `${elsewhere}/identity.did.json`, GATEWAY_URL: gateway.url };
    const did = async (...words: string[]) => {
      const command = [...args, `${installed}/dist/did.js`, ...words];
      const { code, stdout, stderr } = await runToEnd(await program(), {
        args: command,
        cwd: elsewhere,
        env: { NO_COLOR: "1", ...env },
      });
      assert.equal(code, 0, stderr);
      return [stdout, stderr] as [string, string];
    };
    const [made, note] = await did("new");
    assert.equal(note.split("\n").length, 2, note);
    const [token, warning] = await did("token");
    assert.equal(warning, "");
    const response = await fetch(`${gateway.url}/api/v1/usage`, {
      headers: { authorization: `Bearer ${token.trim()}` },
    });
    assert.equal(response.status, 200, await response.text());
    assert.equal(gateway.received[0]?.did, made.trim());
    const [described] = await did("whoami");
    assert.equal(JSON.parse(described).did, made.trim());
  });

  Deno.test(`under ${name}, the installed did usage prints its report, and writes it as a page`, async () => {
    await using gateway = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => Response.json({ success: true, data: USAGE }),
    );
    const elsewhere = await Deno.makeTempDir({ dir: folder });
    const env = {
      DID_FILE: `${elsewhere}/identity.did.json`,
      GATEWAY_URL: `http://127.0.0.1:${gateway.addr.port}/f`,
    };
    const did = async (...words: string[]) =>
      await run(await program(), [...args, `${installed}/dist/did.js`, ...words], env);
    await did("new");
    assert.match(await did("usage"), /^\$0\.25 for 2 requests/m);
    const page = `${elsewhere}/usage.html`;
    assert.equal(await did("usage", "--format", "html", "--output", page), "");
    assert.match(await Deno.readTextFile(page), /\$0\.25/);
  });

  Deno.test({
    name:
      `under ${name}, the installed did usage ends when nobody reads on, and knows what is no gateway`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      // More than a pipe holds.
      const groups = Array.from({ length: 2000 }, (_, index) => ({
        day: "2026-11-28",
        model: `model-${index}`,
        requests: 1,
        failed_requests: 0,
        requests_without_cost: 0,
        input_tokens: 1,
        output_tokens: 1,
        cost: 0.1,
      }));
      const data = { ...USAGE, groups };
      await using gateway = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        ({ url }) => {
          if (url.includes("/f/")) return Response.json({ data });
          if (url.includes("/g/")) return new Response("<html>");
          return Response.json({ error: { message: "Not Found" } }, { status: 404 });
        },
      );
      const elsewhere = await Deno.makeTempDir({ dir: folder });
      const origin = `http://127.0.0.1:${gateway.addr.port}`;
      const sh = async (script: string, path: string) =>
        await runToEnd("sh", {
          args: ["-c", script, "sh", await program(), ...args, `${installed}/dist/did.js`],
          env: {
            NO_COLOR: "1",
            DID_FILE: `${elsewhere}/identity.did.json`,
            GATEWAY_URL: origin + path,
          },
        });
      await sh('"$@" new', "/f");
      const script = '{ "$@" usage --format json; echo $? >&2; } | head -c 1';
      const { stdout, stderr } = await sh(script, "/f");
      assert.deepEqual([stdout, stderr], ["{", "0\n"]);
      const mistaken = await sh('"$@" usage', "/g");
      assert.equal(mistaken.code, 1);
      assert.equal(
        mistaken.stderr,
        `error: what answers at ${origin}/g is no gateway; GATEWAY_URL says where that is\n`,
      );
      const refused = await sh('"$@" usage', "/h");
      assert.equal(refused.stderr, "error: the gateway answered 404: Not Found\n");
    },
  });
}

/** Leaves a stream after a collection of garbage; the server ends it when it is asked for `/end`. */
const LEAVING_PROGRAM = `
import { createIdentity, signedFetch } from "llm-gateway-client";
import { setImmediate } from "node:timers/promises";

const gatewayUrl = process.argv[2];
const signing = signedFetch(await createIdentity(), { gatewayUrl });
const held = new AbortController();
const request = new Request(gatewayUrl + "/stream", { signal: held.signal });
for (const [controller, ask] of [
  [new AbortController(), ({ signal }) => signing(gatewayUrl + "/stream", { signal })],
  [held, () => signing(request)],
]) {
  const reader = (await ask(controller)).body.getReader();
  await reader.read();
  for (let times = 0; times < 5; times++) {
    await setImmediate();
    globalThis.gc();
  }
  controller.abort();
  await fetch(gatewayUrl + "/end");
  console.log(await reader.read().then(() => "read on", ({ name }) => name));
}
console.log(request.signal.aborted);
`;
for (const { name, program } of nodes) {
  Deno.test(`under ${name}, who leaves an answer to signedFetch leaves it, whatever garbage was collected`, async () => {
    const streams: ReadableStreamDefaultController<Uint8Array>[] = [];
    await using gateway = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) => {
        if (!url.endsWith("/stream")) {
          streams.pop()?.close();
          return new Response();
        }
        const body = new ReadableStream<Uint8Array>({
          start(stream) {
            stream.enqueue(new Uint8Array(1));
            streams.push(stream);
          },
          cancel: () => void streams.pop(),
        });
        return new Response(body);
      },
    );
    await Deno.writeTextFile(`${project}/leaving.mjs`, LEAVING_PROGRAM);
    const url = `http://127.0.0.1:${gateway.addr.port}/f`;
    const printed = await run(await program(), ["--expose-gc", "leaving.mjs", url]);
    assert.equal(printed, "AbortError\nAbortError\ntrue\n");
  });
}

Deno.test({
  name: "npm makes the installed did a command",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    assert.match(await run(`${project}/node_modules/.bin/did`, ["--help"]), /^Usage: did /);
  },
});

const TYPED_PROGRAM = `
import { createDidToken, createIdentity, createIdentityRecord, createWalletSession,
  type Eip1193Provider, httpSignatureFetch, type Identity, identityOf, type IdentityRecord,
  signedFetch, signRequest, tokenSource, walletIdentity } from "llm-gateway-client";
import { openIdentity, readPrivateKey } from "llm-gateway-client/node";

declare const wallet: Eip1193Provider;
const gatewayUrl = "https://gateway.example/f";
const record: IdentityRecord = await createIdentityRecord({ type: "secp256k1", method: "pkh" });
const identities: Identity[] = [await createIdentity(), await identityOf(record),
  await openIdentity("identity.did.json"), await walletIdentity(wallet)];
const apiKey: () => Promise<string> = tokenSource(identities[0]!, { gatewayUrl }).get;
const fetches: (typeof fetch)[] = [signedFetch(identities[0]!, { gatewayUrl }),
  httpSignatureFetch(identities[0]!, { gatewayUrl, audience: undefined })];
const tokens: string[] = [await apiKey(), await createDidToken(identities[0]!, { audience: gatewayUrl }),
  await createWalletSession(identities[1]!, { audience: gatewayUrl, ttlSeconds: 60 })];
const headers: HeadersInit = await signRequest(identities[0]!,
  { audience: gatewayUrl, method: "GET", path: "/api/v1/usage" });
const key: JsonWebKey = readPrivateKey("00", "p256");
// @ts-expect-error there is no such type of keys
createIdentity("rsa");
export { fetches, headers, key, tokens };
`;

/** What the package's types ask of Node's, whose own globals are no more of a browser's than these. */
const GLOBALS_OF_NODE = `
declare function fetch(input: string | URL, init?: object): Promise<object>;
declare class URL { href: string }
interface OpaqueKey { readonly type: string }
declare const crypto: { subtle: { exportKey(format: string, key: OpaqueKey): Promise<object> } };
`;
const PROGRAM_OF_NODE = `
import { createIdentity, identityFromKeyPair, importIdentity, signedFetch, tokenSource } from "llm-gateway-client";
import { openIdentity } from "llm-gateway-client/node";
const identity = await openIdentity("identity.did.json");
const { keyPair } = await createIdentity();
const location = { gatewayUrl: "https://gateway.example/f" };
await identityFromKeyPair(keyPair);
await importIdentity({ kty: "OKP", crv: "Ed25519", x: "", d: "" });
export default [signedFetch(identity, location), tokenSource(identity, location)];
`;

async function assertTyped(sources: Record<string, string>, options: object): Promise<void> {
  for (const [name, text] of Object.entries(sources)) {
    await Deno.writeTextFile(`${project}/${name}`, text);
  }
  const strict = { strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true };
  await Deno.writeTextFile(
    `${project}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        ...{ target: "es2022", types: [], noUncheckedIndexedAccess: true, noEmit: true },
        ...strict,
        ...options,
      },
      files: Object.keys(sources),
    }),
  );
  const tsc = ["run", "--quiet", "-A", `${config.imports.typescript}/tsc`, "-p", project];
  const { success, stdout } = await runToEnd(Deno.execPath(), { args: tsc });
  assert.ok(success, stdout);
}

for (const [module, moduleResolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
  Deno.test(`TypeScript finds the package's types with moduleResolution ${moduleResolution}`, async () => {
    const lib = ["es2022", "dom"];
    await assertTyped({ "typed.ts": TYPED_PROGRAM }, { module, moduleResolution, lib });
  });
}

Deno.test("the package's types are whole for a server, which has none of a browser's", async () => {
  const sources = { "typed.ts": PROGRAM_OF_NODE, "globals.d.ts": GLOBALS_OF_NODE };
  const module = "nodenext";
  await assertTyped(sources, { module, moduleResolution: module, lib: ["es2022"] });
});

/** Signs with a key of every type, and posts what the gateway is to accept. */
const BROWSER_PROGRAM = `
import { createIdentity, createIdentityRecord, createWalletSession, identityOf, signRequest,
  tokenSource } from "llm-gateway-client";
const audience = "https://gateway.example/f";
const report = { requests: [], tokens: [], session: null, failure: null };
try {
  const identities = [await createIdentity("p256")];
  for (const [type, method] of [["p256", "jwk"], ["secp256k1", "key"], ["secp256k1", "pkh"]]) {
    identities.push(await identityOf(await createIdentityRecord({ type, method })));
  }
  for (const identity of identities) {
    report.requests.push(await signRequest(identity, { audience, method: "GET", path: "/x" }));
    const token = await tokenSource(identity, { gatewayUrl: audience }).get();
    if (identity.algorithm === "EIP-191") report.session = token;
    else report.tokens.push(token);
  }
} catch (error) {
  report.failure = String(error);
}
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
`;

/** An app's modules, as its bundler makes them for a browser: path → text. */
async function bundledApp(source: string): Promise<Map<string, string>> {
  try {
    const { outputFiles } = await esbuild.build({
      stdin: { contents: source, resolveDir: project },
      outdir: `${project}/app`,
      bundle: true,
      splitting: true,
      minify: true,
      format: "esm",
      platform: "browser",
      write: false,
    });
    return new Map(
      outputFiles.map(({ path, text }) => [path.slice(`${project}/app`.length), text]),
    );
  } finally {
    await esbuild.stop();
  }
}

Deno.test("an app for browsers that signs with Ed25519 loads no more than that needs", async () => {
  const app = await bundledApp(
    'import { createIdentity, signedFetch } from "llm-gateway-client";\n' +
      "globalThis.f = signedFetch(await createIdentity(), { gatewayUrl: 'https://a.example/f' });",
  );
  const entry = app.get("/stdin.js")!;
  assert.ok(entry.length < 4_000, `${entry.length} characters`);
  assert.doesNotMatch(entry, /keccak|secp256k1|personal_sign|siwe/);
});

for (const browser of BROWSERS) {
  Deno.test({
    name: `in ${browser.name}, the bundled package signs with keys of every type`,
    ignore: !await isInstalled(browser.program),
    fn: async () => {
      const app = await bundledApp(BROWSER_PROGRAM);
      const reported = Promise.withResolvers<
        { requests: Record<string, string>[]; tokens: string[]; session: string; failure: unknown }
      >();
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        async (request) => {
          const { pathname } = new URL(request.url);
          if (pathname === "/report") reported.resolve(await request.json());
          const module = app.get(pathname);
          const html = '<!doctype html><script type="module" src="/stdin.js"></script>';
          return new Response(module ?? html, {
            headers: { "content-type": module === undefined ? "text/html" : "text/javascript" },
          });
        },
      );
      const { requests, tokens, session, failure } = await withPage(
        browser,
        `http://127.0.0.1:${server.addr.port}/`,
        reported.promise,
      );
      await server.shutdown();
      assert.equal(failure, null);
      const authenticate = createAuthenticator({
        audience: "https://gateway.example/f",
        maxTokenLifetimeSeconds: 3600,
        maxWalletSessionSeconds: 86_400,
        didWebHosts: [],
        now: Date.now,
        fetch: () => assert.fail("nothing is to be fetched"),
      });
      const dids = requests.map((headers) => headers["x-did"]);
      assert.equal(dids.length, 4);
      for (
        const headers of [
          ...requests,
          ...[...tokens, session].map((token) => ({ authorization: `Bearer ${token}` })),
        ]
      ) {
        const head = { method: "GET", pathAndQuery: "/x", headers: new Headers(headers) };
        const { did } = await (await authenticate(head)).verify(new Uint8Array());
        assert.ok(dids.includes(did));
      }
      assert.equal(tokens.length, 3);
    },
  });
}
