// What somebody sees in a real browser who visits an application that is asleep and slow to start.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser, type Page, type Snapshot } from "../support/browser.ts";
import { withTen } from "../support/ten.ts";
import { CHROMIUM, isMissing } from "../support/tool.ts";

const TIMEOUT_MS = 120_000;

/** Listens once a file allows it to. */
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
  "a browser sees a waiting page, which turns into the application by itself",
  () =>
    withTen({ configText: CONFIG }, async (ten) => {
      writeFileSync(join(ten.root, "app/app.ts"), SLOW_APP);
      await ten.must("spawn", "--no-start", "slow:alice");
      await using browser = await Browser.open();
      const page = await browser.newPage();
      const url = `http://alice.slow.localhost:${ten.port}/there?and=back`;
      await page.open(url);

      const light = await see(page, "light");
      const dark = await see(page, "dark");
      expect(light).toMatchObject({ url, text: expect.stringContaining("opens by itself") });
      expect(light.color).not.toBe(dark.color);
      expect(page.statuses).toContain(503);
      expect(page.statuses).not.toContain(200);

      writeFileSync(join(ten.dataDir, "slow/alice/go"), "");
      expect(await page.untilTitle("Open")).toMatchObject({ url, text: "/there" });
      expect(page.statuses.at(-1)).toBe(200);
    }),
  TIMEOUT_MS,
);

const CONFIG = `
[service.slow]
command = "bun app.ts"
startup_timeout = 60
`;

/** The waiting page in a colour scheme; TEN_TEST_SCREENSHOTS names a directory for a picture of it. */
async function see(page: Page, scheme: "dark" | "light"): Promise<Snapshot> {
  await page.setColorScheme(scheme);
  const snapshot = await page.untilTitle("Starting");
  const directory = process.env["TEN_TEST_SCREENSHOTS"];
  if (directory !== undefined) await page.screenshot(join(directory, `waiting-${scheme}.png`));
  return snapshot;
}
