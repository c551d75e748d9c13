// The gate, `npm test`: format, lint, types and build side by side, then all tests.
import { join } from "node:path";

interface Step {
  readonly name: string;
  readonly argv: readonly string[];
}

/** Test files at a time: most of them wait, but emulated machines need a processor each. */
const LANES = 3;

const CHECKS: readonly Step[] = [
  { name: "format", argv: ["bun", "fmt", "--check", "--no-script"] },
  { name: "format of C", argv: ["bun", "scripts/format-native.ts", "--check"] },
  { name: "lint", argv: ["biome", "check", "--error-on-warnings"] },
  { name: "types", argv: ["bun", "check", "--no-script"] },
  { name: "build", argv: ["bun", "scripts/build-binaries.ts"] },
];
const TESTS: Step = {
  name: "tests",
  argv: [
    ...["bun", "test", "--timeout", "120000", `--parallel=${LANES}`],
    // The files that take longest start first.
    "--timings=test/timings.json",
  ],
};

const PATH = `${join(import.meta.dir, "../node_modules/.bin")}:${process.env["PATH"]}`;
/** The end of the tests' output, which contains the sums. */
const SUMMARY_CHARS_MAX = 4096;

const isClean = (await Promise.all(CHECKS.map(check))).every(Boolean);
process.exitCode = isClean && (await runTests()) ? 0 : 1;

/** Runs a step, and prints its output once it has ended. */
async function check(step: Step): Promise<boolean> {
  const child = start(step);
  const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
  console.log(`${titleOf(step)}\n${said.join("").trim()}`);
  return hasPassed(step, await child.exited);
}

/** Runs the tests; prints their output as it comes, and their sums in the last line. */
async function runTests(): Promise<boolean> {
  console.log(titleOf(TESTS));
  const child = start(TESTS);
  const ends = await Promise.all([forward(child.stdout), forward(child.stderr)]);
  const sums = [...ends.join("\n").matchAll(/^ (\d+) (pass|fail|error|skip)/gm)];
  const count = (word: string) => Number(sums.findLast((sum) => sum[2] === word)?.[1] ?? 0);
  const passed = count("pass");
  const isGood = hasPassed(TESTS, await child.exited) && passed > 0;
  console.log(
    `${passed} passed, ${count("fail") + count("error")} failed, ${count("skip")} skipped`,
  );
  return isGood;
}

/** Prints a stream; resolves with its end. */
async function forward(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let end = "";
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    process.stdout.write(text);
    end = (end + text).slice(-SUMMARY_CHARS_MAX);
  }
  return end;
}

function start({ argv }: Step): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([...argv], {
    env: { ...process.env, PATH },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function titleOf({ name, argv }: Step): string {
  return `\n== ${name}: ${argv.join(" ")}`;
}

function hasPassed({ name }: Step, exitCode: number): boolean {
  if (exitCode !== 0) console.error(`\n${name} failed`);
  return exitCode === 0;
}
