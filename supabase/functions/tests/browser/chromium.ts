/** Chromium without a window. */

/** The one on PATH, unless CHROMIUM_BIN names another. */
export const CHROMIUM = Deno.env.get("CHROMIUM_BIN") ?? "chromium";

/**
 * Opens a page in a Chromium of its own, which ends when `done` is settled.
 *
 * @throws what `done` rejects with; Error with Chromium's own words when it ends before
 */
export async function withPage<T>(url: string, done: Promise<T>): Promise<T> {
  const profile = await Deno.makeTempDir();
  const chromium = new Deno.Command(CHROMIUM, {
    args: [
      "--headless",
      // Neither root nor most containers can have the sandbox; it sees the test's own page alone.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      `--user-data-dir=${profile}`,
      url,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const ended = chromium.output();
  const early = ended.then(({ code, stderr }) => {
    throw new Error(`Chromium ended with code ${code}:\n${new TextDecoder().decode(stderr)}`);
  });
  try {
    return await Promise.race([done, early]);
  } finally {
    early.catch(() => {});
    end(chromium);
    await ended;
    await Deno.remove(profile, { recursive: true });
  }
}

function end(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGTERM");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
}
