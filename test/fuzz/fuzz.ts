// The command `npm run fuzz`: all fuzzers side by side for some minutes, or one of them.
import { parseArgs } from "node:util";
import { isUnable } from "../launcher/programs.ts";
import { openApiFuzzer } from "./api.ts";
import { commandOf, type Fuzzer, fuzz } from "./fuzzer.ts";
import { openLauncherFuzzer } from "./launcher.ts";
import { openLifecycleFuzzer } from "./lifecycle.ts";
import { openWireFuzzer } from "./wire.ts";

const FUZZERS: Readonly<Record<string, () => Promise<Fuzzer>>> = {
  lifecycle: openLifecycleFuzzer,
  api: openApiFuzzer,
  wire: openWireFuzzer,
  launcher: openLauncherFuzzer,
};
const USAGE = `npm run fuzz -- [--minutes N] [--seed S] [--rounds N] [--only ${Object.keys(FUZZERS).join("|")}]`;
const FINDINGS_MAX = 5;
/** After its minutes a fuzzer still ends its round. */
const GRACE_MS = 180_000;

interface Run {
  readonly seed: number;
  readonly minutes: number;
  readonly rounds: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    rounds: { type: "string", default: "Infinity" },
    only: { type: "string" },
  },
});
const run = {
  seed: Number(values.seed),
  minutes: Number(values.minutes),
  rounds: Number(values.rounds),
};
if (Object.values(run).some(Number.isNaN)) throw new Error(USAGE);
process.exitCode = (await (values.only === undefined ? runAll(run) : runOne(values.only, run)))
  ? 0
  : 1;

/** A process for each, so that none waits for another and a crash of one ends only that one. */
async function runAll(run: Run): Promise<boolean> {
  const names = Object.keys(FUZZERS).filter((name) => name !== "launcher" || !isUnable());
  const ends = names.map(async (name) => {
    const { seed, minutes, rounds } = run;
    const options = Object.entries({ only: name, seed, minutes, rounds });
    const child = Bun.spawn(
      [
        ...[process.execPath, import.meta.path],
        ...options.flatMap(([key, value]) => [`--${key}`, `${value}`]),
      ],
      {
        stdio: ["ignore", "inherit", "inherit"],
        timeout: minutes * 60_000 + GRACE_MS,
        killSignal: "SIGKILL",
      },
    );
    const code = await child.exited;
    if (child.signalCode !== null)
      console.log(`${name}: FINDING: ended by ${child.signalCode}, seed ${seed}`);
    return code === 0;
  });
  return (await Promise.all(ends)).every(Boolean);
}

async function runOne(name: string, { seed, minutes, rounds }: Run): Promise<boolean> {
  const open = FUZZERS[name];
  if (open === undefined) throw new Error(USAGE);
  await using fuzzer = await open();
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const goesOn = (played: number) => played < rounds && seconds() < minutes * 60;
  console.log(`${name}: seed ${seed}`);
  const report = await fuzz(fuzzer, { seed, goesOn, findingsMax: FINDINGS_MAX });
  for (const finding of report.findings) {
    console.log(`${name}: FINDING, repeated by ${commandOf(name, finding.seed)}`);
    console.log(finding.error);
  }
  const rate = Math.round(report.cases / seconds());
  console.log(
    `${name}: ${report.rounds} rounds, ${report.cases} cases, ${rate} a second, ${fuzzer.reached.size} situations, ${report.findings.length} findings`,
  );
  return report.findings.length === 0;
}
