/** What deno.lock says: which packages there are, and which of them a member of the workspace needs. */

export interface LockFile {
  /** What deno.json asks for → the version that it got, with its peers. */
  specifiers: Record<string, string>;
  npm: Record<string, LockedPackage>;
  workspace: { members: Record<string, { dependencies: string[] }> };
}

export interface LockedPackage {
  /** `sha512-…`, of the tarball. */
  integrity: string;
  /** The names of what it needs, with the version where the lock file has several. */
  dependencies?: string[];
  /** Whether it brings scripts that run when it is installed. */
  scripts?: boolean;
}

/** A package by its key in the lock file, such as `ajv-formats@3.0.1_ajv@8.20.0`. */
export interface PackageId {
  key: string;
  name: string;
  version: string;
}

/** @throws {Error} where this is no key of a package */
export function packageId(key: string): PackageId {
  const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
  if (name === undefined || version === undefined) throw new Error(`${key} is no package's key`);
  return { key, name, version };
}

/**
 * All that a member of the workspace needs, each package once, in the order of their keys.
 *
 * @param member its folder, as deno.lock names it
 * @throws {Error} where the lock file lacks the member, or something that it needs
 */
export function packagesOf(lock: LockFile, member: string): PackageId[] {
  const found = new Set<string>();
  const visit = (key: string) => {
    if (found.has(key)) return;
    found.add(key);
    dependenciesOf(lock, key).forEach(visit);
  };
  directPackagesOf(lock, member).forEach(visit);
  return [...found].sort().map(packageId);
}

/** The keys of what the member's own deno.json names. */
export function directPackagesOf(lock: LockFile, member: string): string[] {
  const specifiers = lock.workspace.members[member]?.dependencies;
  if (specifiers === undefined) throw new Error(`deno.lock has no member ${member}`);
  return specifiers.map((specifier) => {
    const version = lock.specifiers[specifier];
    const [, name] = /^npm:(@?[^@]+)@/.exec(specifier) ?? [];
    if (version === undefined || name === undefined) {
      throw new Error(`deno.lock does not resolve ${specifier}`);
    }
    return `${name}@${version}`;
  });
}

/** The keys of what a package needs itself. */
export function dependenciesOf(lock: LockFile, key: string): string[] {
  const locked = lock.npm[key];
  if (locked === undefined) throw new Error(`deno.lock lacks ${key}`);
  return (locked.dependencies ?? []).map((dependency) => {
    if (Object.hasOwn(lock.npm, dependency)) return dependency;
    const keys = Object.keys(lock.npm).filter((other) => packageId(other).name === dependency);
    if (keys.length !== 1) throw new Error(`deno.lock has ${keys.length} of ${dependency}`);
    return keys[0]!;
  });
}
