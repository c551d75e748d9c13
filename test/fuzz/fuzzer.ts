// Fuzzers: rounds of random play, each from a seed of its own, so that one round repeats a finding.
import { type Random, randomFrom } from "../support/random.ts";

/** A fuzzer at work, with all that its rounds share. */
export interface Fuzzer extends AsyncDisposable {
  /** Situations that were reached: a fuzzer that reaches few proves little. */
  readonly reached: ReadonlySet<string>;
  /** Plays one round; throws when a promise is broken. Resolves with the number of cases that it tried. */
  round(random: Random): Promise<number>;
}

export interface Finding {
  /** Repeats it, as the seed of a run of one round. */
  readonly seed: number;
  readonly error: unknown;
}

export interface FuzzReport {
  readonly rounds: number;
  readonly cases: number;
  readonly findings: readonly Finding[];
}

export interface FuzzPlan {
  readonly seed: number;
  /** Asked before each round. */
  goesOn(rounds: number): boolean;
  readonly findingsMax: number;
}

/** Far longer than any round, also on a busy machine: after it the round hangs. */
const ROUND_MS_MAX = 120_000;

/** Plays rounds with the seeds `seed`, `seed + 1` and so on. */
export async function fuzz(fuzzer: Fuzzer, plan: FuzzPlan): Promise<FuzzReport> {
  const findings: Finding[] = [];
  let rounds = 0;
  let cases = 0;
  for (; plan.goesOn(rounds) && findings.length < plan.findingsMax; rounds += 1) {
    const seed = (plan.seed + rounds) % 2 ** 32;
    try {
      cases += await playGuarded(fuzzer, randomFrom(seed));
    } catch (error) {
      findings.push({ seed, error });
    }
  }
  return { rounds, cases, findings };
}

/** Plays a fixed number of rounds, as tests do; throws the first finding. */
export async function fuzzRounds(fuzzer: Fuzzer, name: string, count: number): Promise<void> {
  const seed = Number(process.env["TEN_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  const goesOn = (rounds: number) => rounds < count;
  const { findings } = await fuzz(fuzzer, { seed, goesOn, findingsMax: 1 });
  for (const { seed, error } of findings) {
    console.error(`To repeat it: ${commandOf(name, seed)}`);
    throw error;
  }
}

export function commandOf(name: string, seed: number): string {
  return `npm run fuzz -- --only ${name} --seed ${seed} --rounds 1`;
}

/** One round, which an error outside of its promise and a hang fail as well. */
async function playGuarded(fuzzer: Fuzzer, random: Random): Promise<number> {
  const { promise: failure, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the round hangs")), ROUND_MS_MAX);
  process.on("uncaughtException", reject).on("unhandledRejection", reject);
  try {
    return await Promise.race([fuzzer.round(random), failure]);
  } finally {
    clearTimeout(timer);
    process.off("uncaughtException", reject).off("unhandledRejection", reject);
  }
}
