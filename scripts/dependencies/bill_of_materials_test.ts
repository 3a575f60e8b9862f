import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { billOfMaterials } from "./bill_of_materials.ts";
import { functionBillOfMaterials, SBOM_FILE } from "./function.ts";
import type { LockFile } from "./lock_file.ts";

const SHA_512 = `sha512-${"A".repeat(86)}==`;
/** A package that needs two others, one of them in one of two versions, beside what others need. */
const LOCK: LockFile = {
  specifiers: { "npm:@scope/a@1": "1.0.0_b@2.0.0", "npm:z@1": "1.0.0" },
  npm: {
    "@scope/a@1.0.0_b@2.0.0": { integrity: SHA_512, dependencies: ["b@2.0.0", "c"] },
    "b@1.0.0": { integrity: SHA_512 },
    "b@2.0.0": { integrity: SHA_512, dependencies: ["c"] },
    "c@3.0.0": { integrity: SHA_512 },
    "z@1.0.0": { integrity: SHA_512, dependencies: ["b@1.0.0"] },
  },
  workspace: {
    members: {
      member: { dependencies: ["npm:@scope/a@1"] },
      other: { dependencies: ["npm:z@1"] },
    },
  },
};
const PRODUCT = { name: "product", version: "1.0.0", description: "A product", license: "MIT" };

Deno.test("a bill lists what its member needs, all the way down, and nothing of others", async () => {
  const bom = JSON.parse(
    await billOfMaterials(
      LOCK,
      "member",
      PRODUCT,
      ({ key }) => Promise.resolve(key.startsWith("@scope/a@1.0.0_b") ? "Apache-2.0" : "MIT"),
    ),
  );
  const [a, b, c] = ["pkg:npm/%40scope/a@1.0.0", "pkg:npm/b@2.0.0", "pkg:npm/c@3.0.0"];
  assert.deepEqual(bom.components.map(({ purl }: { purl: string }) => purl).sort(), [a, b, c]);
  assert.deepEqual(
    Object.fromEntries(
      bom.dependencies.map((
        { ref, dependsOn = [] }: { ref: string; dependsOn?: string[] },
      ) => [ref, dependsOn]),
    ),
    { product: [a], [a!]: [b, c], [b!]: [c], [c!]: [] },
  );
  const [component] = bom.components.filter(({ purl }: { purl: string }) => purl === a);
  assert.deepEqual([component.group, component.name, component.version], ["@scope", "a", "1.0.0"]);
  assert.deepEqual(component.licenses, [{ license: { id: "Apache-2.0" } }]);
  assert.deepEqual(component.hashes, [{ alg: "SHA-512", content: "0".repeat(128) }]);
});

Deno.test("a bill that would leave something out is not made", async () => {
  const license = () => Promise.resolve("MIT");
  const { "c@3.0.0": _, ...npm } = LOCK.npm;
  await assert.rejects(
    billOfMaterials({ ...LOCK, npm }, "member", PRODUCT, license),
    /deno\.lock has 0 of c/,
  );
  await assert.rejects(
    billOfMaterials(LOCK, "nobody", PRODUCT, license),
    /deno\.lock has no member nobody/,
  );
});

Deno.test("docs/sbom.cdx.json is what deno task sbom writes", async () => {
  const written = await Deno.readTextFile(join(PROJECT_ROOT, SBOM_FILE));
  assert.equal(written, await functionBillOfMaterials(), "run deno task sbom");
});

Deno.test("docs/sbom.cdx.json is valid by CycloneDX's own schema", async () => {
  const library = dirname(
    createRequire(import.meta.url).resolve("@cyclonedx/cyclonedx-library/package.json"),
  );
  const schema = async (file: string) =>
    JSON.parse(await Deno.readTextFile(join(library, "res/schema", file)));
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  for (const format of ["iri-reference", "idn-email"]) ajv.addFormat(format, true);
  for (const file of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]) {
    ajv.addSchema(await schema(file), `http://cyclonedx.org/schema/${file}`);
  }
  const validate = ajv.compile(await schema("bom-1.6.SNAPSHOT.schema.json"));
  const bom = JSON.parse(await Deno.readTextFile(join(PROJECT_ROOT, SBOM_FILE)));
  assert.equal(validate({ ...bom, components: [{ type: "library" }] }), false);
  assert.ok(validate(bom), JSON.stringify(validate.errors));
});
