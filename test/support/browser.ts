// A headless Chromium that reaches nothing but this machine.
import { type Browser, chromium } from "playwright-core";
import { CHROMIUM } from "./tool.ts";

const FLAGS = [
  "--disable-dev-shm-usage",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
];

/** Throws when Chromium is not installed. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = Bun.which(CHROMIUM.program);
  if (executablePath === null) throw new Error(`"${CHROMIUM.program}" is not installed`);
  // Its own sandbox can't be built by root, nor in most containers.
  return await chromium.launch({ executablePath, chromiumSandbox: false, args: FLAGS });
}
