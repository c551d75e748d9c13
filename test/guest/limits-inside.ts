// Limits by control groups of version 2, tested inside a guest: as root, and as a user with a delegated group.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { until } from "../support/until.ts";

const GROUPS = "/sys/fs/cgroup";
/** The group of the user's service manager; the server is started below it. */
const DELEGATED = `${GROUPS}/user.slice/user-1000.slice/user@1000.service`;
/** Not the default directory, which the server of the other user owns. */
const SOCKET = "{data_dir}/{name}-{id}.sock";
const TOLD = "was killed: out of memory (limit 20 MB)";

const SERVICES: Readonly<Record<string, string>> = {
  lean: "memory_limit_mb = 20\ncpu_shares = 7\ncpu_limit = 0.5\npids_limit = 60",
  small: "cpu_shares = 100",
  big: "cpu_shares = 400",
  part: "cpu_limit = 0.2",
  few: "pids_limit = 60",
  gone: "",
};
const FILES = ["memory.max", "cpu.weight", "cpu.max", "pids.max"] as const;

interface Instance {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly pid: number;
  readonly port: number;
}

interface Place {
  readonly name: string;
  readonly directory: string;
  /** The command that runs the server. */
  readonly argv: readonly string[];
  /** The parent of the tenants' groups. */
  readonly parent: string;
}

const SERVE = "/srv/ten/dist/ten serve --port 0";
const PLACES: readonly Place[] = [
  { name: "root", directory: "/srv/root", argv: ["sh", "-c", `exec ${SERVE}`], parent: GROUPS },
  {
    name: "a user",
    directory: "/srv/user",
    argv: [
      "sh",
      "-c",
      `echo $$ > ${DELEGATED}/app.slice/cgroup.procs; exec su user -p -c "exec ${SERVE}"`,
    ],
    parent: DELEGATED,
  },
];

class Server {
  readonly name: string;
  readonly #place: Place;
  #process: Bun.Subprocess | null = null;

  constructor(place: Place) {
    this.#place = place;
    this.name = place.name;
  }

  configure(names: readonly string[]): void {
    const services = names.map(
      (name) =>
        `[service.${name}]\ncommand = "/srv/ten/hungry"\nisolation = "process"\nstartup_timeout = 120\nsocket = "${SOCKET}"\n${SERVICES[name]}`,
    );
    const text = `[settings]\nmax_restarts = 0\n${services.join("\n")}\n`;
    writeFileSync(`${this.#place.directory}/tenement.toml`, text);
  }

  async start(): Promise<void> {
    const { argv, directory } = this.#place;
    this.#process = Bun.spawn([...argv], {
      cwd: directory,
      env: { ...process.env, TENEMENT_DATA_DIR: `${directory}/data` },
      stdio: ["ignore", "inherit", "inherit"],
    });
    await until("it listens", () => this.ask("/health").catch(() => false));
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#process?.kill(signal);
    await this.#process?.exited;
  }

  async spawn(ref: string): Promise<void> {
    const [process, id] = ref.split(":");
    await this.ask("/api/instances/spawn", { process, id });
  }

  async instance(ref: string): Promise<Instance> {
    const all = JSON.parse(await this.ask("/api/instances?all=true")) as readonly Instance[];
    const found = all.find(({ id }) => id === ref);
    if (found === undefined) throw new Error(`no ${ref}`);
    return found;
  }

  /** Sends a request to an instance itself; null when it doesn't answer. */
  async order(ref: string, path: string): Promise<string | null> {
    const { port } = await this.instance(ref);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
    return answer === null ? null : await answer.text();
  }

  async untilFailed(ref: string): Promise<string | null> {
    const { reason } = await until(`${ref} has failed`, async () => {
      const instance = await this.instance(ref);
      return instance.state === "failed" && instance;
    });
    return reason;
  }

  /** Calls the API; a command would take seconds to start in an emulated machine. */
  async ask(path: string, body?: object): Promise<string> {
    const headers = { "Content-Type": "application/json" };
    const order = body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) };
    const unix = `${this.#place.directory}/data/tenement.sock`;
    const answer = await fetch(`http://localhost${path}`, { ...order, unix, keepalive: false });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text;
  }

  /** The limits of the group of a process, read from the kernel. */
  limitsOf(pid: number): Readonly<Record<string, string>> {
    const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
    const group = `${GROUPS}${own}`;
    expect(group).toStartWith(`${this.#place.parent}/ten/`);
    const text = (name: string) => readFileSync(`${group}/${name}`, "utf8").trim();
    return { group, ...Object.fromEntries(FILES.map((name) => [name, text(name)])) };
  }
}

/** The processes of a killed server: one to adopt, and others to kill. */
interface Legacy {
  readonly kept: Instance;
  readonly limits: Readonly<Record<string, string>>;
  readonly orphans: readonly number[];
}

const servers = PLACES.map((place) => new Server(place));
const legacies = new Map<Server, Legacy>();

// In parallel, since each start takes seconds.
beforeAll(async () => {
  await Promise.all(servers.map(begin));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end("SIGTERM")));
});

async function begin(server: Server): Promise<void> {
  server.configure(Object.keys(SERVICES));
  await server.start();
  const refs = ["lean:a", "lean:b", "small:a", "big:a", "part:a", "few:a", "gone:a"];
  await Promise.all(refs.map((ref) => server.spawn(ref)));
}

describe.each([...servers])("$name: a tenant", (server) => {
  test("is killed at its memory limit, and the reason is reported", async () => {
    await server.order("lean:a", "/eat");
    expect(await server.untilFailed("lean:a")).toStartWith(TOLD);
  });

  test("is in a group with the weight of its shares, with all that it starts", async () => {
    for (const [ref, weight] of [
      ["small:a", "100"],
      ["big:a", "400"],
    ] as const) {
      const pid = Number(await server.order(ref, "/spin"));
      expect(server.limitsOf(pid)["cpu.weight"]).toBe(weight);
      process.kill(pid, "SIGKILL");
    }
  });

  test("is throttled at its CPU limit", async () => {
    const pid = Number(await server.order("part:a", "/spin"));
    const { group } = server.limitsOf(pid);
    await until("the kernel throttles it", () =>
      /^nr_throttled [1-9]/m.test(readFileSync(`${group}/cpu.stat`, "utf8")),
    );
    process.kill(pid, "SIGKILL");
  });

  test("can't start more processes than its limit", async () => {
    expect(await server.order("few:a", "/breed")).toBe("EAGAIN");
    expect((await server.instance("few:a")).state).toBe("running");
  });
});

describe("when the server is killed", () => {
  beforeAll(async () => {
    await Promise.all(servers.map(replace));
  });

  async function replace(server: Server): Promise<void> {
    const kept = await server.instance("lean:b");
    const gone = (await server.instance("gone:a")).pid;
    const orphans = [gone, Number(await server.order("gone:a", "/daemon"))];
    legacies.set(server, { kept, limits: server.limitsOf(kept.pid), orphans });
    await server.end("SIGKILL");
    server.configure(Object.keys(SERVICES).filter((name) => name !== "gone"));
    await server.start();
  }

  function legacyOf(server: Server): Legacy {
    const legacy = legacies.get(server);
    if (legacy === undefined) throw new Error("nothing was left");
    return legacy;
  }

  test.each([...servers])(
    "$name: a tenant keeps its limits, and the next server learns its exit",
    async (server) => {
      const { kept, limits } = legacyOf(server);
      expect(Number(limits["pids.max"])).toBeLessThan(70);
      expect(limits).toMatchObject({
        "memory.max": `${20 * 1024 ** 2}`,
        "cpu.max": "50000 100000",
        "cpu.weight": "7",
      });
      expect((await server.instance("lean:b")).pid).toBe(kept.pid);
      expect(server.limitsOf(kept.pid)).toEqual(limits);
      await server.order("lean:b", "/eat");
      expect(await server.untilFailed("lean:b")).toStartWith(TOLD);
    },
  );

  test.each([...servers])(
    "$name: the next server kills processes without a service, also those that hide",
    (server) => {
      const { orphans } = legacyOf(server);
      expect(orphans.every((pid) => pid > 0)).toBe(true);
      expect(orphans.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    },
  );
});
