// The gate, `npm test`: format, lint, types, build, then every test. Stops at the first step that fails.
const STEPS: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "format", argv: ["bun", "fmt", "--check", "--no-script"] },
  { name: "format of C", argv: ["bun", "scripts/format-native.ts", "--check"] },
  { name: "lint", argv: ["biome", "check", "--error-on-warnings"] },
  { name: "types", argv: ["bun", "check", "--no-script"] },
  { name: "build", argv: ["bun", "scripts/build-binaries.ts"] },
  { name: "tests", argv: ["bun", "test", "--timeout", "60000"] },
];

const PATH = `${process.cwd()}/node_modules/.bin:${process.env["PATH"]}`;

for (const { name, argv } of STEPS) {
  console.log(`\n== ${name}: ${argv.join(" ")}`);
  const { exitCode } = Bun.spawnSync([...argv], {
    env: { ...process.env, PATH },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (exitCode === 0) continue;
  console.error(`\n${name} failed`);
  process.exit(1);
}
