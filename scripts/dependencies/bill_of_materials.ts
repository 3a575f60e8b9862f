/** The software bill of materials of the function, in CycloneDX's JSON. */
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { Buffer } from "node:buffer";
import {
  dependenciesOf,
  directPackagesOf,
  type LockFile,
  type PackageId,
  packagesOf,
} from "./lock_file.ts";

export interface Product {
  name: string;
  version: string;
  description: string;
  /** SPDX's id. */
  license: string;
}

/**
 * Lists what a member of the workspace is made of: each package with its version, licence, package
 * URL and the SHA-512 of its tarball, and what needs what. The same lock file gives the same text:
 * there is no time and no serial number in it, so that a difference is a difference of packages.
 *
 * @param licenseOf the SPDX id of a package's licence
 * @throws {Error} where the lock file lacks something
 */
export async function billOfMaterials(
  lock: LockFile,
  member: string,
  product: Product,
  licenseOf: (id: PackageId) => Promise<string>,
): Promise<string> {
  const root = new Models.Component(Enums.ComponentType.Application, product.name, {
    bomRef: product.name,
    version: product.version,
    description: product.description,
  });
  root.licenses.add(new Models.SpdxLicense(product.license));

  const components = new Map<string, Models.Component>();
  for (const id of packagesOf(lock, member)) {
    components.set(id.key, await componentOf(id, lock.npm[id.key]!.integrity, licenseOf));
  }
  for (const [key, component] of components) {
    for (const needed of dependenciesOf(lock, key)) {
      component.dependencies.add(components.get(needed)!.bomRef);
    }
  }
  for (const key of directPackagesOf(lock, member)) {
    root.dependencies.add(components.get(key)!.bomRef);
  }

  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: root }) });
  for (const component of components.values()) bom.components.add(component);
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const json = new Serialize.JsonSerializer(normalizers)
    .serialize(bom, { sortLists: true, space: 2 });
  return `${json.trimEnd()}\n`;
}

async function componentOf(
  id: PackageId,
  integrity: string,
  licenseOf: (id: PackageId) => Promise<string>,
): Promise<Models.Component> {
  const { name, version } = id;
  const [, group, rest = name] = /^@([^/]+)\/(.+)$/.exec(name) ?? [];
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const component = new Models.Component(Enums.ComponentType.Library, rest, {
    ...(group === undefined ? {} : { group: `@${group}` }),
    bomRef: purl,
    version,
    purl,
  });
  component.hashes.set(Enums.HashAlgorithm["SHA-512"], hexOf(integrity));
  component.licenses.add(new Models.SpdxLicense(await licenseOf(id)));
  return component;
}

/** The hash that npm writes as `sha512-` and base64. */
function hexOf(integrity: string): string {
  const [algorithm, base64] = integrity.split("-");
  if (algorithm !== "sha512" || base64 === undefined) {
    throw new Error(`an integrity is a SHA-512, not ${algorithm}`);
  }
  return Buffer.from(base64, "base64").toString("hex");
}
