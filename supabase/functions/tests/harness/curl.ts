/** curl as a client. */

export interface CurlResult {
  /** curl's exit code; 18: the answer broke off. */
  code: number;
  /** The body, byte for byte. */
  body: Uint8Array<ArrayBuffer>;
}

/** Runs curl with its output unbuffered; rejects where there is no curl. */
export async function curl(
  url: string,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: string },
): Promise<CurlResult> {
  const child = new Deno.Command("curl", {
    args: [
      ...["-sN", "-X", method, "--data-binary", "@-", url],
      ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(body));
  await writer.close();
  const { code, stdout } = await child.output();
  return { code, body: stdout };
}
