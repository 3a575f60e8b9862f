/** Pages of reports as Chromium shows them, where it is installed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { CHROMIUM } from "../../../supabase/functions/tests/browser/browsers.ts";
import { isInstalled } from "../../../supabase/functions/tests/harness/installed.ts";
import type { Report } from "../report.ts";
import { emptyReport, fullReport, oneCall } from "../testing.ts";
import { pageOf } from "./page.ts";

const VIEWS = [
  { name: "light", width: 1100, scheme: "light", media: "screen" },
  { name: "dark", width: 1100, scheme: "dark", media: "screen" },
  { name: "a phone", width: 360, scheme: "dark", media: "screen" },
  { name: "print", width: 794, scheme: "dark", media: "print" },
] as const;
const REPORTS: Record<string, () => Report> = {
  "two months": fullReport,
  "one call": oneCall,
  "an empty range": emptyReport,
};

/**
 * Runs in the page: what is wrong with its texts. Each has to be inside the page, and inside the chart,
 * cell or card that it is in, and must not lie over another one.
 */
const PROBLEMS = `(() => {
  const SLACK = 1.5;
  const problems = [], seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    if (node.parentElement.closest("thead") && getComputedStyle(node.parentElement.closest("thead")).position === "absolute") continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = node.parentElement.closest("svg, td, th, li, section, header, footer").getBoundingClientRect();
    for (const rect of range.getClientRects()) {
      if (rect.width === 0) continue;
      const text = node.data.trim().slice(0, 40);
      if (rect.left < -SLACK || rect.right > innerWidth + SLACK) problems.push("leaves the page: " + text);
      if (rect.left < box.left - SLACK || rect.right > box.right + SLACK ||
        rect.top < box.top - SLACK - 4 || rect.bottom > box.bottom + SLACK + 4) problems.push("leaves its box: " + text);
      for (const other of seen) {
        const over = Math.min(rect.right, other.rect.right) - Math.max(rect.left, other.rect.left);
        const high = Math.min(rect.bottom, other.rect.bottom) - Math.max(rect.top, other.rect.top);
        if (over > SLACK && high > 4) problems.push(text + " lies over " + other.text);
      }
      seen.push({ rect, text });
    }
  }
  return { problems, texts: seen.length, width: document.documentElement.scrollWidth };
})()`;

async function withBrowser(use: (browser: Browser) => Promise<void>) {
  const browser = await puppeteer.launch({
    executablePath: await chromiumPath(),
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

/** puppeteer wants a path. */
async function chromiumPath(): Promise<string> {
  const { program } = CHROMIUM;
  if (program.includes("/")) return program;
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = join(folder, program);
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  throw new Error(`${program} is not on the PATH`);
}

Deno.test({
  name: "pages of reports fetch nothing, and no text in them leaves its box or lies over another",
  ignore: !await isInstalled(CHROMIUM.program),
  async fn(t) {
    const folder = await Deno.makeTempDir();
    await withBrowser(async (browser) => {
      for (const [what, report] of Object.entries(REPORTS)) {
        const file = join(folder, "report.html");
        await Deno.writeTextFile(file, pageOf(report()));
        for (const { name, width, scheme, media } of VIEWS) {
          await t.step(`${what}, ${name}`, async () => {
            const page = await browser.newPage();
            const requests: string[] = [];
            page.on("request", (request) => requests.push(request.url()));
            const errors: string[] = [];
            page.on("console", (message) => errors.push(message.text()));
            await page.setViewport({ width, height: 900 });
            // page.emulateMediaType and page.emulateMediaFeatures each undo the other.
            const features = [{ name: "prefers-color-scheme", value: scheme }];
            const session = await page.createCDPSession();
            await session.send("Emulation.setEmulatedMedia", { media, features });
            await page.goto(`file://${file}`);
            const seen = await page.evaluate(PROBLEMS) as {
              problems: string[];
              texts: number;
              width: number;
            };
            assert.deepEqual(seen.problems, []);
            assert.ok(seen.texts > 15);
            assert.ok(seen.width <= width, `${seen.width} wide`);
            assert.deepEqual(requests, [`file://${file}`]);
            assert.deepEqual(errors, []);
            const ground = await page.evaluate(
              "getComputedStyle(document.body).backgroundColor",
            );
            const isDark = scheme === "dark" && media === "screen";
            assert.equal(ground, isDark ? "rgb(21, 24, 28)" : "rgb(255, 255, 255)");
            await page.close();
          });
        }
      }
    });
    await Deno.remove(folder, { recursive: true });
  },
});
