/** Browsers without a window. */

export interface Browser {
  name: string;
  /** The one on PATH, unless the environment names another. */
  program: string;
  /** Opens one page, with everything that it keeps in this folder. */
  args(folder: string, url: string): string[];
  /** What is written to the folder before: names and texts. */
  files: Record<string, string>;
}

/** Firefox asks nobody but the page's site: no updates, no telemetry, no tours. */
const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.search.update": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "http://127.0.0.1:9",
  "toolkit.telemetry.enabled": false,
};

export const CHROMIUM: Browser = {
  name: "Chromium",
  program: Deno.env.get("CHROMIUM_BIN") ?? "chromium",
  args: (folder, url) => [
    "--headless",
    // Neither root nor most containers can have the sandbox; it sees the test's own page alone.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    `--user-data-dir=${folder}`,
    url,
  ],
  files: {},
};

const FIREFOX: Browser = {
  name: "Firefox",
  program: Deno.env.get("FIREFOX_BIN") ?? "firefox",
  args: (folder, url) => ["--headless", "--no-remote", "--profile", folder, url],
  files: {
    "user.js": Object.entries(FIREFOX_PREFERENCES)
      .map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`).join(""),
  },
};

export const BROWSERS: Browser[] = [CHROMIUM, FIREFOX];

/**
 * Opens a page in a browser of its own, which ends when `done` is settled.
 *
 * @throws what `done` rejects with; Error with the browser's own words when it ends before
 */
export async function withPage<T>(
  { name, program, args, files }: Browser,
  url: string,
  done: Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  for (const [file, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${file}`, text);
  }
  const browser = new Deno.Command(program, {
    args: args(folder, url),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const ended = browser.output();
  const early = ended.then(({ code, stderr }) => {
    throw new Error(`${name} ended with code ${code}:\n${new TextDecoder().decode(stderr)}`);
  });
  try {
    return await Promise.race([done, early]);
  } finally {
    early.catch(() => {});
    end(browser);
    await ended;
    await Deno.remove(folder, { recursive: true });
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
