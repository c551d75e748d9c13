import { describe, expect, test } from "bun:test";
import { defaultSocketAt } from "../../../src/core/instance-paths.ts";
import { type LaunchPlanInput, planLaunch } from "../../../src/core/launch-plan.ts";
import type { Service } from "../../../src/core/service.ts";
import { PLACEHOLDERS } from "../../../src/core/template.ts";
import { randomFrom } from "../../support/random.ts";
import { serviceWith } from "../../support/service.ts";

const SERVICE = serviceWith({
  argv: ["app", "--port={port}", "{socket}", "{data_dir}/{name}/{id}"],
  workdir: "/srv/{name}",
  socket: "/run/{name}-{id}.sock",
  env: { DATABASE: "{data_dir}/{id}.db" },
});

const INPUT: LaunchPlanInput = {
  service: SERVICE,
  ref: { service: "notes", id: "alice" },
  slot: 0,
  dataDir: "/data",
  port: 30001,
  extraPorts: [],
  serverEnv: { PATH: "/bin", HOME: "/root", SECRET: "x", BUN_OPTIONS: "--smol", TERM: "xterm" },
  storedEnv: {},
  fileEnv: {},
};

test("plans the command, the working directory and the environment", () => {
  expect(planLaunch(INPUT)).toEqual({
    argv: ["app", "--port=30001", "/run/notes-alice.sock", "/data/notes/alice"],
    cwd: "/srv/notes",
    env: {
      PATH: "/bin",
      HOME: "/root",
      DATABASE: "/data/alice.db",
      PORT: "30001",
      SOCKET_PATH: "/run/notes-alice.sock",
      TENEMENT_SERVICE: "notes",
      TENEMENT_INSTANCE: "alice",
      TENEMENT_DATA_DIR: "/data/notes/alice",
      TENEMENT_MARK: "/data/notes/alice#0",
    },
    socketPath: "/run/notes-alice.sock",
    instanceDir: "/data/notes/alice",
    mark: "/data/notes/alice#0",
  });
});

describe("the process in slot 1", () => {
  const socketOf = (changes: Partial<Service>) =>
    planLaunch({ ...INPUT, slot: 1, service: { ...SERVICE, ...changes } }).socketPath;

  test("has its own mark", () => {
    const { env, mark } = planLaunch({ ...INPUT, slot: 1 });
    expect(mark).toBe("/data/notes/alice#1");
    expect(env["TENEMENT_MARK"]).toBe(mark);
  });

  test("has another socket path than slot 0 where both see the same directory", () => {
    expect(socketOf({ isolation: "process" })).toBe("/run/notes-alice.sock.1");
    const own = "{data_dir}/{name}/{id}/app.sock";
    expect(socketOf({ isolation: "namespace", socket: own })).toBe("/data/notes/alice/app.sock.1");
    expect(socketOf({ isolation: "namespace", writePaths: ["/run"] })).toBe(
      "/run/notes-alice.sock.1",
    );
  });

  test("has its socket at the configured path where it sees its own directory", () => {
    expect(socketOf({ isolation: "namespace" })).toBe("/run/notes-alice.sock");
  });
});

describe("the default socket", () => {
  const socketOf = (isolation: Service["isolation"], changes: Partial<LaunchPlanInput> = {}) => {
    const service = { ...SERVICE, isolation, socket: defaultSocketAt(isolation) };
    return planLaunch({ ...INPUT, service, ...changes }).socketPath;
  };
  const LONG = "x".repeat(63);

  test("of level process is in the server's data directory, another one for each instance and slot", () => {
    const pathOf = (service: string, id: string) => socketOf("process", { ref: { service, id } });
    expect(pathOf("notes", "alice")).toBe("/data/.run/notes.alice.sock");
    expect(pathOf("a-b", "c")).not.toBe(pathOf("a", "b-c"));
    expect(socketOf("process", { slot: 1 })).toBe("/data/.run/notes.alice.sock.1");
  });

  test("behind walls is in a directory that each instance has for itself", () => {
    expect(socketOf("namespace")).toBe("/tmp/tenement/notes-alice.sock");
    expect(socketOf("namespace", { slot: 1 })).toBe("/tmp/tenement/notes-alice.sock");
  });

  test("is named after the port where the names are too long for a socket", () => {
    const long = { ref: { service: LONG, id: LONG } };
    expect(socketOf("process", long)).toBe("/data/.run/30001");
    expect(socketOf("process", { ...long, slot: 1, port: 30_002 })).toBe("/data/.run/30002");
    expect(socketOf("namespace", long)).toBe("/tmp/tenement/30001");
    // No longer than the path of the server's own socket.
    expect(socketOf("process", { dataDir: `/${LONG}` }).length).toBeLessThan(103);
    expect(socketOf("process", { dataDir: `/${LONG.repeat(2)}` })).toEndWith("/.run/30001");
  });

  test("leaves a configured one as it is, however long", () => {
    const service = { ...SERVICE, socket: `/run/${LONG}/${LONG}/{id}.sock` };
    expect(planLaunch({ ...INPUT, service }).socketPath).toBe(`/run/${LONG}/${LONG}/alice.sock`);
  });
});

test("the value closest to the instance wins", () => {
  const { env } = planLaunch({
    ...INPUT,
    service: { ...SERVICE, env: { PATH: "service", A: "service", B: "service", C: "service" } },
    fileEnv: { B: "file", C: "file" },
    storedEnv: { C: "stored" },
  });
  expect(env).toMatchObject({ PATH: "service", A: "service", B: "file", C: "stored" });
});

test("the variables of the server can't be overridden", () => {
  const lies = Object.fromEntries(
    [
      "PORT",
      "SOCKET_PATH",
      "TENEMENT_SERVICE",
      "TENEMENT_INSTANCE",
      "TENEMENT_DATA_DIR",
      "TENEMENT_MARK",
    ].map((name) => [name, "lie"]),
  );
  const service = { ...SERVICE, env: lies };
  const { env } = planLaunch({ ...INPUT, service, fileEnv: lies, storedEnv: lies });
  expect(Object.values(env)).not.toContain("lie");
});

test("behind walls HOME is the instance's data directory", () => {
  const service = { ...SERVICE, isolation: "namespace" as const };
  expect(planLaunch({ ...INPUT, service }).env["HOME"]).toBe("/data/notes/alice");
});

test("values of env_file and of ten env set are not templates", () => {
  const { env } = planLaunch({ ...INPUT, fileEnv: { A: "{id}" }, storedEnv: { B: "{id}" } });
  expect(env).toMatchObject({ A: "{id}", B: "{id}" });
});

test("filling placeholders never changes the number of arguments", () => {
  const random = randomFrom(11);
  const texts = [
    "{id}",
    "{port}",
    " ",
    "'",
    '"',
    "\n",
    "$(x)",
    "a",
    "{{name}}",
    "\\",
    "{",
    "}",
    ";",
    "$&",
  ];
  for (let round = 0; round < 2000; round++) {
    const word = () => Array.from({ length: 4 }, () => random.pick(texts)).join("");
    const argv = Array.from({ length: 1 + random.below(5) }, word);
    const dataDir = `/${word()}`;
    const plan = planLaunch({
      ...INPUT,
      service: { ...SERVICE, argv: [...argv, "{data_dir}"] },
      dataDir,
    });
    expect(plan.argv).toHaveLength(argv.length + 1);
    expect(plan.argv.at(-1)).toBe(dataDir);
  }
});

test("only PATH, HOME, LANG and TZ of the server's environment reach an instance", () => {
  const random = randomFrom(13);
  const inherited = ["PATH", "HOME", "LANG", "TZ"];
  const names = [
    ...inherited,
    "BUN_INSTALL",
    "BUN_OPTIONS",
    "NODE_OPTIONS",
    "LD_PRELOAD",
    "path",
    "LC_ALL",
    "__proto__",
  ];
  for (let round = 0; round < 500; round++) {
    const serverEnv = Object.fromEntries(
      names.filter(() => random.next() < 0.5).map((name) => [name, `server:${name}`]),
    );
    const { env } = planLaunch({ ...INPUT, serverEnv });
    const leaked = Object.entries(env).filter(([, value]) => value.startsWith("server:"));
    const expected = inherited.filter((name) => Object.hasOwn(serverEnv, name));
    expect(leaked.map(([name]) => name).sort()).toEqual(expected.sort());
  }
});

test("gives an instance its further ports, by placeholders and in its environment", () => {
  const argv = ["{port}", "{port1}", "{port2}", "{port3}"];
  const service = { ...SERVICE, argv, env: { TENEMENT_PORT_2: "lie" } };
  const plan = planLaunch({ ...INPUT, service, extraPorts: [30_005, 30_007] });
  expect(plan.argv).toEqual(["30001", "30005", "30007", "{port3}"]);
  expect(plan.env).toMatchObject({ TENEMENT_PORT_1: "30005", TENEMENT_PORT_2: "30007" });
});

test("fills every placeholder", () => {
  const argv = PLACEHOLDERS.map((name) => `{${name}}`);
  const plan = planLaunch({ ...INPUT, service: { ...SERVICE, argv } });
  expect(plan.argv).toEqual(["notes", "alice", "/data", "30001", "/run/notes-alice.sock"]);
});
