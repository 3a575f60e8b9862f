import assert from "node:assert/strict";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";

const module = `${import.meta.dirname}/llm_gateway.ts`;

/** Makes an identity, then sends what differs most between runtimes: a stream without `duplex`. */
const PROGRAM = `
import { createIdentity, signedFetch } from "./llm_gateway.mjs";
const gatewayUrl = process.argv[2];
for (const type of ["ed25519", "p256"]) {
  const identity = await createIdentity(type);
  const form = new FormData();
  form.set("file", new Blob(["a"]), "a.wav");
  for (const body of [new Blob(["one ", "two"]).stream(), form, "text", new Uint8Array([255])]) {
    const signing = signedFetch(identity, { gatewayUrl });
    const response = await signing(gatewayUrl + "/api/v1/openrouter/x", { method: "POST", body });
    if (!response.ok) throw new Error(await response.text());
  }
  const response = await signedFetch(identity, { gatewayUrl })(gatewayUrl + "/api/v1/usage");
  console.log(identity.did, response.status);
}
`;

async function nodeIsInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command("node", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "llm_gateway.ts runs in Node when its types are stripped",
  ignore: !await nodeIsInstalled(),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const stripped = await new Deno.Command(Deno.execPath(), {
        args: ["transpile", "--output", `${folder}/llm_gateway.mjs`, module],
      }).output();
      assert.ok(stripped.success, new TextDecoder().decode(stripped.stderr));
      await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
      await using gateway = startVerifyingGateway();
      const { stdout, stderr } = await new Deno.Command("node", {
        args: [`${folder}/program.mjs`, gateway.url],
      }).output();
      const dids = [...new Set(gateway.received.map(({ did }) => did))];
      assert.equal(
        new TextDecoder().decode(stdout),
        dids.map((did) => `${did} 200\n`).join(""),
        new TextDecoder().decode(stderr),
      );
      assert.equal(dids.length, 2);
      assert.equal(gateway.received.length, 10);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the modules to copy import nothing and name no runtime's globals", async () => {
  for (const name of ["llm_gateway.ts", "wallet_example.ts"]) {
    const source = await Deno.readTextFile(new URL(`./${name}`, import.meta.url));
    assert.doesNotMatch(source, /^(?:import|export .* from)\b/m, name);
    assert.doesNotMatch(source, /\b(?:Deno\.\w|process\.\w|Buffer\b|require\()/, name);
  }
});
