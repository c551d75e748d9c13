import { expect, test } from "bun:test";
import { join } from "node:path";

const module = join(import.meta.dir, "../../../src/server/unhandled-errors.ts");

test("an error that a callback throws is reported and counted, and ends no process", async () => {
  const script = `
    import { watchUnhandledErrors } from ${JSON.stringify(module)};
    let count = 0;
    watchUnhandledErrors({ count: () => count++, report: ({ message }) => console.log(message) });
    setImmediate(() => setImmediate(() => console.log("alive", count)));
    setImmediate(() => { throw new Error("nobody catches"); });`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  expect(await child.stdout.text()).toBe("nobody catches\nalive 1\n");
  expect(await child.exited).toBe(0);
});

test("an error of a promise that no code waits for is reported and counted, and ends no process", async () => {
  const script = `
    import { watchUnhandledErrors } from ${JSON.stringify(module)};
    let count = 0;
    watchUnhandledErrors({ count: () => count++, report: ({ message }) => console.log(message) });
    Promise.reject(new Error("nobody waits"));
    setImmediate(() => setImmediate(() => console.log("alive", count)));`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  expect(await child.stdout.text()).toBe("nobody waits\nalive 1\n");
  expect(await child.exited).toBe(0);
});
