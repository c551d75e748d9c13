// A level of machines for tests, with real walls around a given hypervisor.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { instanceDirOf } from "../../../../src/core/instance-paths.ts";
import { planLaunch } from "../../../../src/core/launch-plan.ts";
import type { Service } from "../../../../src/core/service.ts";
import { ControlGroups } from "../../../../src/isolation/cgroup/groups.ts";
import { LaunchDirectories } from "../../../../src/isolation/launcher/launcher-directory.ts";
import type { Enclosure, Level } from "../../../../src/isolation/level.ts";
import type { MachineParts } from "../../../../src/isolation/machine/machine-needs.ts";
import { AccountFiles } from "../../../../src/isolation/walls/account-files.ts";
import { NamespaceLevel } from "../../../../src/isolation/walls/namespace.ts";
import { openOutput } from "../../../../src/platform/process/output-pipes.ts";
import { bunSpawner, type Child } from "../../../../src/platform/process/spawner.ts";

export const USER = 61_195;

export interface Launched {
  readonly child: Child;
  readonly enclosure: Enclosure;
  readonly instanceDir: string;
  readonly port: number;
}

export class MachineWorld implements Disposable {
  /** Readable for every user, and visible behind walls. */
  readonly root = mkdtempSync("/opt/ten-machines-");
  readonly dataDir = join(this.root, "data");
  readonly walls: NamespaceLevel;
  readonly #groups: ControlGroups;

  constructor(launcher: string) {
    chmodSync(this.root, 0o755);
    mkdirSync(this.dataDir, { mode: 0o755 });
    const { dataDir } = this;
    this.#groups = new ControlGroups({ dataDir });
    this.walls = new NamespaceLevel({
      accounts: new AccountFiles(dataDir),
      dataDir,
      groups: this.#groups,
      launches: new LaunchDirectories(dataDir, {
        moveAway: (path) => rmSync(path, { recursive: true, force: true }),
      }),
      userIdOf: () => USER,
      writePaths: () => [],
      sharesPorts: () => false,
      serverFiles: () => [],
      installLauncher: () => launcher,
    });
  }

  /** A file that all users may read. */
  file(name: string, content: string | Uint8Array = ""): string {
    const path = join(this.root, name);
    writeFileSync(path, content);
    chmodSync(path, 0o755);
    return path;
  }

  parts(host: Partial<MachineParts["host"]> = {}): MachineParts {
    return {
      dataDir: this.dataDir,
      walls: this.walls,
      readAgent: () => new Uint8Array([1]),
      host: {
        which: (program) => Bun.which(program),
        findKvmObstacle: () => null,
        findGuestKernel: () => null,
        ...host,
      },
    };
  }

  launch(level: Level, service: Service, port: number): Launched {
    const ref = { service: service.name, id: "alice" };
    const placement = { service, ref, slot: 0, port, extraPorts: [] } as const;
    const { dataDir } = this;
    const plan = planLaunch({ ...placement, dataDir, serverEnv: {}, storedEnv: {}, fileEnv: {} });
    mkdirSync(plan.instanceDir, { recursive: true });
    const enclosure = level.enclose(placement, plan);
    const output = openOutput(join(this.root, "output"), { ref, slot: 0 });
    try {
      const { cgroup } = enclosure;
      const argv = enclosure.wrap(plan.argv);
      const command = { argv, cwd: "/", env: plan.env, cgroup, ...output.fds };
      const child = enclosure.follow(bunSpawner.spawn(command, enclosure.mark));
      return { child, enclosure, instanceDir: plan.instanceDir, port };
    } finally {
      output.close();
    }
  }

  /** The launch as the next server recovers it; null: that server does not. */
  recover(level: Level, service: Service, { child, port }: Launched): Launched | null {
    const ref = { service: service.name, id: "alice" };
    const { dataDir } = this;
    const placement = { service, ref, slot: 0, port, extraPorts: [] } as const;
    const enclosure = level.recover(placement, { child: child.ref, socketPath: "" });
    const adopted = enclosure && bunSpawner.adopt(child.ref, enclosure.mark);
    if (enclosure === null || adopted === null) return null;
    const instanceDir = instanceDirOf({ ref, dataDir });
    return { child: enclosure.follow(adopted), enclosure, instanceDir, port };
  }

  [Symbol.dispose](): void {
    this.#groups.close();
    // The launch's files are being deleted in the background as well.
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
