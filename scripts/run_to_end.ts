/** A program that is run to its end, and what it printed. */

export interface Ran {
  success: boolean;
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; what it prints is taken for UTF-8, all of it. */
export async function runToEnd(
  program: string | URL,
  options: Omit<Deno.CommandOptions, "stdout" | "stderr"> = {},
): Promise<Ran> {
  const { success, code, stdout, stderr } = await new Deno.Command(program, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, code, stdout: text(stdout), stderr: text(stderr) };
}
