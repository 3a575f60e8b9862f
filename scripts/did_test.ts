import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { startVerifyingGateway } from "./identity/verifying_gateway.ts";
import { type Ran, runToEnd } from "./run_to_end.ts";

const script = `${import.meta.dirname}/did.ts`;
const posix = Deno.build.os !== "windows";

function run(command: string, args: string[], options: Deno.CommandOptions): Promise<Ran> {
  return runToEnd(command, { args, ...options });
}

/** `did` in a folder of its own, with nothing of it in the environment. */
async function inFolder(
  test: (
    did: (...args: string[]) => Promise<Ran>,
    folder: string,
    env: Record<string, string>,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const env: Record<string, string> = { ...Deno.env.toObject(), NO_COLOR: "1" };
  for (const name of ["DID_FILE", "GATEWAY_URL", "GATEWAY_AUDIENCE"]) delete env[name];
  const options = { cwd: folder, clearEnv: true, env };
  try {
    await test(
      // Quiet about Deno's own downloads, which a cold cache makes at any time.
      (...args) => run(Deno.execPath(), ["run", "--quiet", "-A", script, ...args], options),
      folder,
      env,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a shell makes of a printed command: curl's arguments, without running curl. */
async function curlArguments(command: string, cwd: string): Promise<string[]> {
  const shell = `curl() { printf '%s\\0' "$@"; }\n${command}`;
  const { code, stdout, stderr } = await run("sh", ["-c", shell], { cwd });
  assert.equal(code, 0, stderr);
  return stdout.split("\0").slice(0, -1);
}

/** The request that curl would send with these arguments. */
async function requestOf(args: string[], cwd: string): Promise<Request> {
  const headers = new Headers();
  let method = "GET";
  let body: string | undefined;
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const next = () => args[++index]!;
    if (args[index] === "-H") {
      const [name, ...value] = next().split(": ");
      headers.append(name!, value.join(": "));
    } else if (args[index] === "-X") method = next();
    else if (args[index] === "--head") method = "HEAD";
    else if (args[index] === "--data-binary") body = next();
    else rest.push(args[index]!);
  }
  const bytes = body?.startsWith("@") ? await Deno.readFile(`${cwd}/${body.slice(1)}`) : body;
  return new Request(
    rest.at(-1)!,
    bytes === undefined ? { method, headers } : { method, headers, body: bytes },
  );
}

Deno.test("did new prints the DID alone, and saves the key for its owner alone", async () => {
  await inFolder(async (did, folder) => {
    const { code, stdout, stderr } = await did("new");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]+\n$/);
    const file = `${folder}/identity.did.json`;
    const record = JSON.parse(await Deno.readTextFile(file));
    assert.equal(record.did, stdout.trim());
    assert.ok(!stderr.includes(record.privateKeyJwk.d));
    if (posix) assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  });
});

Deno.test("did new overwrites an identity only with --force", async () => {
  await inFolder(async (did, folder) => {
    const file = `${folder}/me.did.json`;
    const first = (await did("new", "--file", file)).stdout;
    const refused = await did("new", "--file", file);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /^error: .*me\.did\.json exists; .*--force.*\n$/);
    assert.equal(JSON.parse(await Deno.readTextFile(file)).did, first.trim());

    if (posix) await Deno.chmod(file, 0o644);
    const forced = await did("new", "--file", file, "--force");
    assert.notEqual(forced.stdout, first);
    assert.equal(JSON.parse(await Deno.readTextFile(file)).did, forced.stdout.trim());
    if (posix) assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["me.did.json"]);
  });
});

Deno.test("every type and method makes requests that the gateway accepts, and whoami knows it", async () => {
  await using gateway = startVerifyingGateway();
  await inFolder(async (did, folder, env) => {
    env.GATEWAY_URL = gateway.url;
    for (
      const [args, prefix] of [
        [["--type", "p256"], "did:key:zDn"],
        [["--type", "secp256k1"], "did:key:zQ3s"],
        [["--type", "pkh"], "did:pkh:eip155:1:0x"],
        [["--method", "pkh"], "did:pkh:eip155:1:0x"],
        [["--type", "ed25519", "--method", "jwk"], "did:jwk:"],
      ] as const
    ) {
      const { stdout } = await did("new", "--force", ...args);
      assert.ok(stdout.startsWith(prefix), stdout);
      const { stdout: headers } = await did("sign", "get", "/api/v1/usage", "--json");
      const response = await fetch(`${gateway.url}/api/v1/usage`, { headers: JSON.parse(headers) });
      assert.equal(response.status, 200, await response.text());
      assert.equal(gateway.received.at(-1)?.did, stdout.trim());
      const { stdout: described } = await did("whoami");
      assert.equal(JSON.parse(described).did, stdout.trim());
    }
    assert.equal([...Deno.readDirSync(folder)].length, 1);
  });
});

const bodies = {
  "single quotes, backslashes and newlines": `{"content":"it's 'so' \\\\ \\"x\\" $HOME \`id\`"}\n`,
  "multibyte text": '{"content":"héllo 世界 🌍"}',
  "what is no JSON": "=plain & text",
};
for (const [kind, body] of Object.entries(bodies)) {
  Deno.test({
    name: `did curl quotes ${kind} so that a shell hands it to curl unchanged`,
    ignore: !posix,
    fn: async () => {
      await using gateway = startVerifyingGateway();
      await inFolder(async (did, folder) => {
        await did("new");
        const path = "/api/v1/openrouter/chat/completions?a=[1]&b={2}";
        const ran = await did("curl", "post", path, body, "--gateway", `${gateway.url}/`);
        assert.equal(ran.code, 0, ran.stderr);
        const args = await curlArguments(ran.stdout, folder);
        assert.equal(args[args.indexOf("--data-binary") + 1], body);
        assert.equal(args.at(-1), gateway.url + path);
        assert.ok(args.includes("--globoff"));
        const response = await fetch(await requestOf(args, folder));
        assert.equal(response.status, 200, await response.text());
        const [received] = gateway.received;
        assert.equal(received?.method, "POST");
        assert.equal(received.body.toString(), body);
        const json = kind !== "what is no JSON";
        assert.equal(received.contentType, `application/${json ? "json" : "octet-stream"}`);
      });
    },
  });
}

Deno.test({
  name: "did curl signs a file's bytes, and leaves them to curl to read",
  ignore: !posix,
  fn: async () => {
    await using gateway = startVerifyingGateway();
    await inFolder(async (did, folder, env) => {
      env.GATEWAY_URL = gateway.url;
      await did("new");
      const bytes = new Uint8Array([0, 13, 10, 255]);
      await Deno.writeFile(`${folder}/it's a body.bin`, bytes);
      const { stdout } = await did("curl", "PUT", "/api/v1/openrouter/x", "@it's a body.bin");
      const args = await curlArguments(stdout, folder);
      assert.ok(args.includes("@it's a body.bin"));
      const response = await fetch(await requestOf(args, folder));
      assert.equal(response.status, 200, await response.text());
      assert.deepEqual(gateway.received[0]?.body, Buffer.from(bytes));
    });
  },
});

Deno.test({
  name: "did curl asks curl to stream, and for headers alone, as the request wants",
  ignore: !posix,
  fn: async () => {
    await inFolder(async (did, folder) => {
      await did("new");
      const args = async (...words: string[]) =>
        await curlArguments((await did("curl", ...words)).stdout, folder);
      const get = await args("GET", "/api/v1/usage", "--stream");
      assert.ok(get.includes("-N") && !get.includes("-X") && !get.includes("--data-binary"));
      assert.equal(get.at(-1), "http://127.0.0.1:54321/functions/v1/openrouter-proxy/api/v1/usage");
      const head = await args("HEAD", "/api/v1/usage");
      assert.ok(head.includes("--head") && !head.includes("-X") && !head.includes("-N"));
    });
  },
});

Deno.test("did sign prints a header per line", async () => {
  await inFolder(async (did) => {
    await did("new");
    const { stdout } = await did("sign", "POST", "/api/v1/openrouter/x", "{}");
    assert.match(
      stdout,
      /^x-did: did:key:\S+\nx-did-timestamp: \d{10}\nx-did-nonce: [\w-]+\nx-did-signature: [\w-]{86}\n$/,
    );
  });
});

Deno.test("did token prints a token alone, which the gateway accepts for its audience only", async () => {
  await using gateway = startVerifyingGateway();
  await inFolder(async (did, _folder, env) => {
    env.GATEWAY_URL = gateway.url;
    // As a file of variables has it that are not set.
    env.GATEWAY_AUDIENCE = "";
    const made = await did("new");
    const ask = async (token: string) =>
      await fetch(`${gateway.url}/api/v1/usage`, { headers: { authorization: `Bearer ${token}` } });
    const { stdout } = await did("token", "--ttl", "60");
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const accepted = await ask(stdout.trim());
    assert.equal(accepted.status, 200, await accepted.text());
    assert.equal(gateway.received[0]?.did, made.stdout.trim());

    const elsewhere = await ask(
      (await did("token", "--audience", "https://other.example")).stdout.trim(),
    );
    assert.equal((await elsewhere.json()).error.type, "invalid_token");
  });
});

Deno.test("did import takes PEM files, JWK files and seeds", async () => {
  await inFolder(async (did, folder) => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const jwk = privateKey.export({ format: "jwk" });
    await Deno.writeTextFile(
      `${folder}/key.pem`,
      privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    );
    await Deno.writeTextFile(`${folder}/key.jwk`, JSON.stringify(jwk));
    const dids = [];
    for (const source of ["key.pem", "key.jwk", jwk.d!]) {
      // A seed may begin with a dash.
      dids.push((await did("import", "--force", "--", source)).stdout);
    }
    assert.match(dids[0]!, /^did:key:z6Mk/);
    assert.deepEqual(dids, [dids[0], dids[0], dids[0]]);
    const web3 = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    assert.equal(
      (await did("import", web3, "--type", "pkh", "--force")).stdout,
      "did:pkh:eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23\n",
    );
  });
});

Deno.test({
  name: "an identity file that others can read works, with a warning",
  ignore: !posix,
  fn: async () => {
    await inFolder(async (did, folder) => {
      const file = `${folder}/my identity.did.json`;
      await did("new", "--file", file);
      await Deno.chmod(file, 0o644);
      const { code, stdout, stderr } = await did("token", "--file", file);
      assert.equal(code, 0);
      assert.match(stdout, /^\S+\n$/);
      assert.match(stderr, /^warning: others can read the private key /);
      assert.ok(stderr.endsWith(`; run: chmod 600 '${file}'\n`), stderr);
    });
  },
});

Deno.test("a variable that is empty counts as not set", async () => {
  await inFolder(async (did, folder, env) => {
    Object.assign(env, { DID_FILE: "", GATEWAY_URL: "", GATEWAY_AUDIENCE: "" });
    const { stdout } = await did("new");
    assert.equal(
      JSON.parse(await Deno.readTextFile(`${folder}/identity.did.json`)).did,
      stdout.trim(),
    );
    const { stdout: curl } = await did("curl", "GET", "/api/v1/usage");
    assert.ok(
      curl.endsWith("http://127.0.0.1:54321/functions/v1/openrouter-proxy/api/v1/usage\n"),
      curl,
    );
  });
});

Deno.test("every mistake is one line on standard error, and nothing on standard output", async () => {
  await inFolder(async (did, folder) => {
    const none = /no identity in identity\.did\.json; make one with: did new\n/;
    const mistakes: [string[], number, RegExp][] = [
      [["curl", "GET", "/api/v1/usage"], 1, none],
      [["sign", "GET", "/api/v1/usage"], 1, none],
      [["token"], 1, none],
      [["whoami"], 1, none],
      [
        ["whoami", "--file", "a b.json"],
        1,
        /no identity in a b\.json; make .*: did new --file 'a b\.json'\n/,
      ],
    ];
    const check = async () => {
      for (const [args, code, message] of mistakes) {
        const ran = await did(...args);
        assert.deepEqual([ran.code, ran.stdout], [code, ""], args.join(" "));
        assert.match(ran.stderr, /^error: [^\n]+\n$/, args.join(" "));
        assert.match(ran.stderr, message, args.join(" "));
      }
    };
    await check();

    await did("new", "--type", "pkh");
    await Deno.writeTextFile(`${folder}/broken.did.json`, "{", { mode: 0o600 });
    await Deno.writeTextFile(`${folder}/empty.did.json`, '{"did":"did:key:z6Mk"}', {
      mode: 0o600,
    });
    mistakes.splice(
      0,
      Infinity,
      [["token", "--ttl", "soon"], 2, /whole seconds/],
      [["token", "--file", "broken.did.json"], 1, /not valid JSON/],
      [["token", "--file", "empty.did.json"], 1, /expected a private JWK/],
      [["sign", "GET"], 2, /missing required argument 'PATH'/],
      [["sign", "FETCH", "/x"], 1, /METHOD must be one of/],
      [["sign", "GET", "api/v1/usage"], 1, /PATH is what follows the function's name/],
      [["sign", "GET", "/a b"], 1, /write \/a%20b/],
      [["sign", "GET", "/é"], 1, /write \/%C3%A9/],
      [["sign", "GET", "/a/../b"], 1, /write \/b/],
      [["sign", "GET", "/../../x"], 1, /PATH is not as clients send it/],
      [["sign", "GET", "/a#b"], 1, /fragment/],
      [["curl", "GET", "/x", "{}"], 1, /GET has no BODY/],
      [["sign", "head", "/x", "@broken.did.json"], 1, /HEAD has no BODY/],
      [["sign", "POST", "/x", "@nowhere.json"], 1, /cannot read the body from nowhere\.json/],
      [["curl", "GET", "/x", "--gateway", "gateway"], 1, /must be http\(s\)/],
      [
        ["curl", "GET", "/x", "--gateway", "https://me:secret@g.example"],
        1,
        /^(?![^]*secret)[^]*no user name or password/,
      ],
      [["new", "--type", "rsa"], 2, /Allowed choices are/],
      [["new", "--force", "--type", "p256", "--method", "pkh"], 1, /needs a secp256k1 key/],
      [["new", "--force", "--type", "pkh", "--method", "key"], 1, /goes with the method pkh/],
      [["new", "--file", "no/such/folder/x"], 1, /cannot write/],
      [["new", "--force", "--did", "example.com"], 1, /example\.com is no DID/],
      [["new", "--force", "--did", "did:key:z6Mk"], 1, /private key is not that of did:key:z6Mk/],
      [
        ["new", "--force", "--did", "did:web:a.example", "--method", "jwk"],
        2,
        /cannot be used with/,
      ],
      [["import", "no-such-file.pem", "--force"], 1, /no such file.*expected a private JWK, a PEM/],
      [["import", ".", "--force"], 1, /cannot read the key file/],
      [["whoami", "did:example:1"], 1, /did:example/],
      [["whoami", "did:key:z6Mk"], 1, /./],
      [["tokens"], 2, /unknown command/],
    );
    await check();
  });
});

Deno.test("did token prints a wallet session of an Ethereum account", async () => {
  await inFolder(async (did) => {
    const account = (await did("new", "--type", "pkh")).stdout.trim();
    const { code, stdout, stderr } = await did("token", "--ttl", "7200");
    assert.equal(code, 0, stderr);
    const [scheme, message, signature] = stdout.trimEnd().split(".");
    assert.equal(scheme, "siwe");
    assert.equal(Buffer.from(signature!, "base64url").length, 65);
    const text = Buffer.from(message!, "base64url").toString();
    assert.equal(text.split("\n")[1]?.toLowerCase(), account.slice("did:pkh:eip155:1:".length));
    const [, issued, expires] = /^Issued At: (\S+)\nExpiration Time: (\S+)$/m.exec(text)!;
    assert.equal(Date.parse(expires!) - Date.parse(issued!), 7_200_000);
  });
});

Deno.test("did new and did import keep the did:web that they are given, and say what its host serves", async () => {
  await inFolder(async (did, folder) => {
    for (const type of ["ed25519", "p256", "secp256k1"]) {
      const args = ["--type", type, "--did", "did:web:agent.example", "--force"];
      const { code, stdout, stderr } = await did("new", ...args);
      assert.deepEqual([code, stdout], [0, "did:web:agent.example\n"], stderr);
      const file = await Deno.readTextFile(`${folder}/identity.did.json`);
      const { d, ...publicKeyJwk } = JSON.parse(file).privateKeyJwk;
      const document = JSON.parse(/^its document: (.*)$/m.exec(stderr)![1]!);
      assert.equal(document.id, "did:web:agent.example");
      assert.deepEqual(document.verificationMethod[0].publicKeyJwk, publicKeyJwk);
      assert.deepEqual(document.authentication, [document.verificationMethod[0].id]);
      assert.ok(!stderr.includes(d));

      const again = await did("import", "identity.did.json", ...args.slice(2), "--file", "b.json");
      assert.equal(again.stdout, stdout);
      assert.equal(await Deno.readTextFile(`${folder}/b.json`), file);
    }
  });
});

Deno.test("--help prints help of every command, and does nothing", async () => {
  await inFolder(async (did, folder) => {
    const { stdout } = await did("--help");
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name!);
    assert.ok(commands.length > 5);
    for (const command of commands) {
      const ran = await did(command, "--help");
      assert.equal(ran.code, 0, command);
      assert.ok(ran.stdout.startsWith(`Usage: did ${command} `), command);
      assert.equal(ran.stderr, "");
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});
