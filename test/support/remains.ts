// The processes of a server's tenants: listed by their marks, and ended without their server.
import { readdirSync, readFileSync } from "node:fs";
import { Isolation } from "../../src/isolation/isolation.ts";
import { readProcess } from "../../src/platform/process/processes.ts";
import { bunSpawner } from "../../src/platform/process/spawner.ts";

/** The marks in the environments of all living processes, whoever they belong to. */
export function livingMarks(): readonly string[] {
  return readdirSync("/proc").flatMap((name) => {
    const entry = readProcess(Number(name));
    return entry === null || entry.zombie ? [] : (markOf(entry.pid) ?? []);
  });
}

/** Ends the tenants of a server that was killed. */
export async function endTenants(dataDir: string): Promise<void> {
  const isolation = new Isolation({
    dataDir,
    userIdOf: () => 0,
    writePaths: () => [],
    sharesPorts: () => false,
    serverFiles: () => [],
    installLauncher: () => null,
    report: console.error,
  });
  await isolation.sweep([]);
  const isUnwanted = (mark: string) => mark.startsWith(`${dataDir}/`);
  await bunSpawner.sweep({ recorded: [], isUnwanted });
  isolation[Symbol.dispose]();
}

function markOf(pid: number): string | null {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const found = variables.find((variable) => variable.startsWith("TENEMENT_MARK="));
    return found?.slice("TENEMENT_MARK=".length) ?? null;
  } catch {
    return null;
  }
}
