// The waiting page of an application that is asleep and slow to start, in a real browser.
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { withTen } from "../support/ten.ts";
import { CHROMIUM, isMissing } from "../support/tool.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;

/** Listens once a file exists. */
const SLOW_APP = `
import { existsSync } from "node:fs";
while (!existsSync(process.env.TENEMENT_DATA_DIR + "/go")) await Bun.sleep(10);
const headers = { "Content-Type": "text/html" };
Bun.serve({
  port: process.env.PORT,
  fetch: ({ url }) => new Response("<title>Open</title>" + new URL(url).pathname, { headers }),
});
`;

test.skipIf(isMissing(CHROMIUM))(
  "a browser shows a waiting page, which turns into the application by itself",
  () =>
    withTen({ configText: CONFIG }, async (ten) => {
      writeFileSync(join(ten.root, "app/app.ts"), SLOW_APP);
      await ten.must("spawn", "--no-start", "slow:alice");
      await using browser = await openBrowser();
      const page = await browser.newPage();
      const statuses: number[] = [];
      page.on("response", (response) => {
        if (response.request().isNavigationRequest()) statuses.push(response.status());
      });
      const url = `http://alice.slow.localhost:${ten.port}/there?and=back`;
      await page.goto(url);

      const light = await see(page, "light");
      const dark = await see(page, "dark");
      expect(light).toMatchObject({ url, text: expect.stringContaining("opens by itself") });
      expect(light.color).not.toBe(dark.color);
      expect(statuses).toContain(503);
      expect(statuses).not.toContain(200);

      writeFileSync(join(ten.dataDir, "slow/alice/go"), "");
      expect(await untilTitle(page, "Open")).toMatchObject({ url, text: "/there" });
      expect(statuses.at(-1)).toBe(200);
    }),
  TIMEOUT_MS,
);

test.skipIf(isMissing(CHROMIUM))(
  "a browser is shown the operator's own pages, and the waiting page turns into the application",
  () =>
    withTen({ configText: CONFIG }, async (ten) => {
      const write = (name: string, text: string) => {
        mkdirSync(join(ten.root, "app/pages"), { recursive: true });
        writeFileSync(join(ten.root, "app/pages", name), text);
      };
      write("waiting.html", "<h1>Un moment, {{service}}:{{id}}</h1>");
      write("asleep.html", "<h1>Fermé</h1>");
      ten.reconfigure((text) => text.replace("[service.slow]", '[service.slow]\npages = "pages"'));
      await ten.must("reload");
      writeFileSync(join(ten.root, "app/app.ts"), SLOW_APP);
      await ten.must("spawn", "--no-start", "slow:alice");
      await using browser = await openBrowser();
      const page = await browser.newPage();
      await page.goto(`http://alice.slow.localhost:${ten.port}/`);
      expect(await page.textContent("h1")).toBe("Un moment, slow:alice");
      writeFileSync(join(ten.dataDir, "slow/alice/go"), "");
      await untilTitle(page, "Open");
      await ten.must("stop", "slow:alice");
      await page.reload();
      expect(await page.textContent("h1")).toBe("Fermé");
      write("asleep.html", "<h1>Encore {{titel}}</h1>");
      const { exitCode, stderr } = await ten.ten("config", "check");
      expect(exitCode).toBe(2);
      expect(stderr).toContain('got "{{titel}}", did you mean "title"?');
    }),
  TIMEOUT_MS,
);

const CONFIG = `
[service.slow]
command = "bun app.ts"
startup_timeout = 60
`;

/** A loaded document at one moment. */
interface Snapshot {
  readonly title: string;
  readonly text: string;
  readonly url: string;
  /** The computed colour of the text. */
  readonly color: string;
}

const SNAPSHOT = `document.readyState !== "complete" ? null : {
  title: document.title,
  text: document.body.innerText,
  url: location.href,
  color: getComputedStyle(document.body).color,
}`;

/** The waiting page in a colour scheme; TEN_TEST_SCREENSHOTS names a directory for a picture of it. */
async function see(page: Page, colorScheme: "dark" | "light"): Promise<Snapshot> {
  await page.emulateMedia({ colorScheme });
  const snapshot = await untilTitle(page, "Starting");
  const directory = process.env["TEN_TEST_SCREENSHOTS"];
  if (directory !== undefined) {
    await page.screenshot({ path: join(directory, `waiting-${colorScheme}.png`) });
  }
  return snapshot;
}

/** Resolves once a document with this title is loaded. */
function untilTitle(page: Page, title: string): Promise<Snapshot> {
  return until(`the browser shows "${title}"`, async () => {
    // Evaluation fails between two documents.
    const seen = await page.evaluate<Snapshot | null>(SNAPSHOT).catch(() => null);
    return seen?.title === title && seen;
  });
}
