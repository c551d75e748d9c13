// The verdict on a soak: a row for each figure, and whether the promise about it was kept.
import type { Usage } from "./accounts.ts";
import type { Attacks } from "./attacks.ts";
import type { Disturbances } from "./disturbances.ts";
import type { Outages } from "./outages.ts";
import { type Account, quantile, slowMoments, type Witness } from "./witness.ts";

/** Against the calm phase. */
const SLOWDOWN_MAX = 5;
/** Of pipes, connections and files that are open at one moment and not at another. */
export const DESCRIPTORS_SLACK = 100;
const EXAMPLES = 10;

interface Row {
  readonly figure: string;
  readonly value: string;
  /** Null: no promise is made about it. */
  readonly isKept: boolean | null;
}

export class Verdict {
  readonly #rows: Row[] = [];
  readonly #details: string[] = [];

  get isGood(): boolean {
    return this.#rows.every(({ isKept }) => isKept !== false);
  }

  requests(witness: Witness, outages: Outages): void {
    const { answered, cut, failed, failures } = witness;
    this.#promise("failed requests of well-behaved tenants", failures, failed);
    this.#note("requests answered", answered.length);
    this.#note("cut off by a kill, and sent again", cut);
    const of = (phase: string, part: number, time: "ms" | "lateMs" = "ms") =>
      quantile(witness, { phase, part, time, quiet: true });
    for (const phase of ["calm", "hostile"]) {
      const times = [0.5, 0.99, 0.999].map((part) => of(phase, part).toFixed(0));
      this.#note(`p50 / p99 / p99.9 in the ${phase} phase without outages, ms`, times.join(" / "));
      const late = of(phase, 0.99, "lateMs").toFixed(0);
      this.#note(`p99 of the clients' own delay in the ${phase} phase, ms`, late);
    }
    const slowdown = of("hostile", 0.99) / of("calm", 0.99);
    this.#row("p99 against the calm p99", `${slowdown.toFixed(1)} times`, slowdown < SLOWDOWN_MAX);
    for (const [moment, ms] of slowMoments(witness)) {
      this.#details.push(`p99 of the requests during ${moment}: ${ms.toFixed(0)} ms`);
    }
    const all = quantile(witness, { phase: "hostile", time: "ms", part: 0.99, quiet: false });
    this.#note("p99 in the hostile phase with outages, ms", all.toFixed(0));
    const { lengths } = outages;
    const median = lengths[Math.floor(lengths.length / 2)]?.toFixed(0);
    this.#note(
      "from a kill to the next server, median / longest, ms",
      `${median} / ${lengths.at(-1)?.toFixed(0)}`,
    );
  }

  /** @param pressures the part of the time in which a process waited for a processor, by phase */
  machine(pressures: ReadonlyMap<string, number>): void {
    for (const [phase, part] of pressures) {
      const percent = `${Math.round(part * 100)} %`;
      this.#note(
        `time in which processes of the machine waited for a processor, ${phase} phase`,
        percent,
      );
    }
  }

  operations(parts: {
    attacks: Attacks;
    disturbances: Disturbances;
    stuck: readonly string[];
  }): void {
    const { attacks, disturbances, stuck } = parts;
    for (const [name, count] of disturbances.counts) this.#note(name, count);
    const spells = [...attacks.spells].map(([attack, count]) => `${attack} ${count}`);
    this.#note("spells of the attacks", spells.join(", "));
    this.#promise("failed operations", disturbances.failures);
    this.#promise("instances that are stuck", stuck);
    for (const [refusal, count] of attacks.refusals)
      this.#details.push(`refused ${count} times: ${refusal}`);
  }

  usage(begin: Usage, end: Usage, descriptors: string): void {
    const show = (usage: Usage) =>
      `${usage.memoryMb} MB, ${usage.descriptors} descriptors, ${usage.processes} processes`;
    this.#note("the server at the end of the calm phase", show(begin));
    const isKept = end.descriptors <= begin.descriptors + DESCRIPTORS_SLACK;
    this.#row("the server in the end", show(end), isKept);
    if (!isKept) this.#details.push(`descriptors: ${descriptors}`);
  }

  lines(account: Account): void {
    this.#promise("log lines lost", account.lost);
    this.#promise("log lines doubled", account.doubled);
  }

  writes(account: Account): void {
    this.#note("acknowledged writes", account.acknowledged);
    this.#promise("acknowledged writes lost", account.lost);
    this.#promise("writes done twice", account.doubled);
  }

  /** Errors that the server did not expect. */
  output(text: string): void {
    const lines = text.split("\n");
    const traces = lines.filter((line, index) => {
      return /^\s+at /.test(lines[index + 1] ?? "") && !/^\s+at /.test(line);
    });
    this.#promise("stack traces of the server", [...new Set(traces)], traces.length);
  }

  /** The server has ended. */
  ended(remains: readonly string[]): void {
    this.#promise("processes, mounts, control groups and firewall tables left behind", remains);
  }

  render(): string {
    const rows = this.#rows.map(({ figure, value, isKept }) => {
      const verdict = isKept === null ? "" : isKept ? "kept" : "BROKEN";
      return `| ${figure} | ${value} | ${verdict} |`;
    });
    return [
      "",
      "| Figure | Value | Promise |",
      "| --- | --- | --- |",
      ...rows,
      "",
      ...this.#details,
    ].join("\n");
  }

  /** Promises that there are none of them. */
  #promise(figure: string, found: readonly string[], count = found.length): void {
    this.#row(figure, String(count), count === 0);
    this.#details.push(...found.slice(0, EXAMPLES).map((each) => `${figure}: ${each}`));
  }

  #note(figure: string, value: string | number): void {
    this.#row(figure, String(value), null);
  }

  #row(figure: string, value: string, isKept: boolean | null): void {
    this.#rows.push({ figure, value, isKept });
  }
}
