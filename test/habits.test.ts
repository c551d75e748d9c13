// Guards how tests are written: asynchronous expectations are awaited, files stay short.
import { describe, expect, test } from "bun:test";

const LINES_MAX = 400;
/** A statement that starts with `expect(` and settles a promise that nothing waits for. */
const UNAWAITED = /^ *(?:void )?expect\((?:(?!;\n)[\s\S])*?\)\s*\.(?:rejects|resolves)\b/gm;

describe.each([...new Bun.Glob("test/**/*.ts").scanSync()].sort())("%s", (file) => {
  test("awaits every .rejects and .resolves", async () => {
    expect((await Bun.file(file).text()).match(UNAWAITED) ?? []).toEqual([]);
  });

  test(`has at most ${LINES_MAX} lines`, async () => {
    expect((await Bun.file(file).text()).split("\n").length - 1).toBeLessThanOrEqual(LINES_MAX);
  });
});
