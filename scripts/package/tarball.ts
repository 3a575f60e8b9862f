/** Files → an npm package: a gzipped tar of the folder `package`. */
import { createTar } from "nanotar";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { PackageFile } from "./files.ts";

/** What npm itself writes into its tarballs, so that bytes depend on contents alone. */
const MODIFIED = Date.parse("1985-10-26T08:15:00.000Z");

/** A tar ends with two blocks of zeros; nanotar writes one. */
const LAST_BLOCK = new Uint8Array(512);

/** Where gzip's header names the operating system, and what says "unknown" (RFC 1952). */
const GZIP_OS = { offset: 9, unknown: 255 };

export function tarball(files: readonly PackageFile[]): Uint8Array {
  const tar = createTar(
    files.map(({ path, text, executable }) => ({
      name: `package/${path}`,
      data: text,
      attrs: { mode: executable ? "755" : "644" },
    })),
    { attrs: { mtime: MODIFIED, uid: 0, gid: 0 } },
  );
  const gzipped = gzipSync(Buffer.concat([tar, LAST_BLOCK]), { level: 9 });
  gzipped[GZIP_OS.offset] = GZIP_OS.unknown;
  return gzipped;
}
