/** Stands in for the command `did`, which has tests of its own. */

/**
 * Puts a program `did` into a folder, whose `did token` prints these tokens call by call, and the
 * last one from then on.
 */
export async function putDid(folder: string, tokens: string[]): Promise<void> {
  await Deno.writeTextFile(`${folder}/tokens`, tokens.join("\n") + "\n");
  const script = `#!/bin/sh
cd '${folder}' || exit 1
head -n 1 tokens
if [ "$(wc -l < tokens)" -gt 1 ]; then sed -i.before 1d tokens; fi
`;
  await Deno.writeTextFile(`${folder}/did`, script, { mode: 0o755 });
}
