import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finding } from "../../src/doctor/finding.ts";
import { executable } from "../support/executable.ts";
import { withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

interface Report {
  readonly ok: boolean;
  readonly config: string | null;
  readonly findings: readonly Finding[];
  readonly gaps: readonly { service: string; need: string; finding: string }[];
}

/** Runs it in an empty directory without a server. */
async function doctor(args: readonly string[], { config }: { config?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), "ten-"));
  try {
    if (config !== undefined) writeFileSync(join(root, "tenement.toml"), config);
    const { PATH = "" } = process.env;
    const child = Bun.spawn(
      [await executable(), "doctor", "--data-dir", join(root, "data"), ...args],
      {
        cwd: root,
        env: { PATH, HOME: root, TMPDIR: root },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [out, err, exit] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { out, err, exit, left: readdirSync(root), root };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const find = ({ findings }: Report, id: string) => findings.find((each) => each.id === id);

describe("ten doctor", () => {
  test("prints findings in at most 80 columns, without colours to a pipe", async () => {
    const { err, exit, left, out } = await doctor([]);
    expect({ err, exit, left }).toEqual({ err: "", exit: 0, left: [] });
    expect(out).toMatch(/^(Host|Storage)\n/);
    expect(out).toContain("clock: ");
    expect(out).toEndWith("no configuration to compare with\n");
    expect(out).not.toContain("\x1b");
    const text = out.split("\n").filter((line) => !/^ +(remedy|or): /.test(line));
    expect(text.filter((line) => line.length > 80)).toEqual([]);
  });

  test("prints JSON of a stable shape, with a remedy for every gap", async () => {
    const report = JSON.parse((await doctor(["--json"])).out) as Report;
    expect(report).toMatchObject({ ok: true, config: null, gaps: [] });
    const ids = report.findings.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const finding of report.findings) {
      expect(Object.keys(finding).sort()).toEqual([
        ...["blocks", "found", "group", "id", "meaning", "remedy", "state", "title"],
      ]);
      if (finding.state !== "ok") expect(finding.remedy).not.toBeEmpty();
    }
    if (process.platform === "linux") {
      expect(ids).toContain("limits.memory_limit_mb");
      if (!isMissing(GCC)) expect(ids).toContain("namespace.walls");
      expect(ids).toContain("storage.volumes");
    }
  });

  test("fails and names the service whose requirements this host lacks", async () => {
    const config = `
[service.fast]
command = "true"
isolation = "qemu"
[service.plain]
command = "true"
isolation = "process"
`;
    const { err, exit, out } = await doctor(["--json"], { config });
    const report = JSON.parse(out) as Report;
    const needs: readonly string[] = ["isolation=qemu", "qemu_accel=kvm"];
    const lacking = report.findings.filter(
      ({ blocks, state }) => state === "missing" && blocks.some((need) => needs.includes(need)),
    );
    expect(new Set(report.gaps.map(({ finding }) => finding))).toEqual(
      new Set(lacking.map(({ id }) => id)),
    );
    expect(report.ok).toBe(lacking.length === 0);
    expect(exit).toBe(lacking.length === 0 ? 0 : 1);
    const errors = err.split("\n").filter((line) => line.startsWith("error: "));
    expect(errors).toHaveLength(report.gaps.length);
    expect(errors.every((line) => line.includes('of service "fast": '))).toBe(true);
  });

  test("examines the host and reports the configuration when that is invalid", async () => {
    const { err, exit, out } = await doctor([], { config: "[service.x]\ncomand = 1\n" });
    expect(exit).toBe(2);
    expect(out).toContain("clock: ");
    expect(err).toContain("comand");
  });

  test("finds the server that runs in this data directory", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      const { stdout } = await ten.ten("doctor", "--json");
      const report = JSON.parse(stdout) as Report;
      expect(find(report, "server")).toMatchObject({
        state: "ok",
        found: "runs, with 0 instances",
      });
      expect(report.config).toBe(ten.configFile);
      await ten.stop();
      expect(existsSync(join(ten.dataDir, "tenement.db"))).toBe(true);
      const after = JSON.parse((await ten.ten("doctor", "--json")).stdout) as Report;
      expect(find(after, "server")?.state).toBe("warning");
    }));
});
