// Guards how tests are written: they await their expectations, measure no time and stay short.
import { describe, expect, test } from "bun:test";

const LINES_MAX = 400;
/** A statement that begins with `expect(` and settles a promise that nothing waits for. */
const UNAWAITED = /^ *(?:void )?expect\((?:(?!;\n)[\s\S])*?\)\s*\.(?:rejects|resolves)\b/gm;
const STOPWATCH = /\b(?:performance\.now|Bun\.nanoseconds|process\.hrtime)\b/g;

describe.each([...new Bun.Glob("test/**/*.ts").scanSync()].sort())("%s", (file) => {
  const source = () => Bun.file(file).text();

  test("awaits every .rejects and .resolves", async () => {
    expect((await source()).match(UNAWAITED) ?? []).toEqual([]);
  });

  // Shared code needs them for patience and pace, the long runs for their minutes and their measurements.
  if (!/^test\/(support|fuzz|soak)\//.test(file))
    test("measures no time", async () => {
      expect((await source()).match(STOPWATCH) ?? []).toEqual([]);
    });

  test(`has at most ${LINES_MAX} lines`, async () => {
    expect((await source()).split("\n").length - 1).toBeLessThanOrEqual(LINES_MAX);
  });
});
