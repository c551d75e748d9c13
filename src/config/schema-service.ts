// The schema of `[service.NAME]`: type, range, default and meaning of every key.
import { z } from "zod";
import { ENV_NAME_RULE, isEnvName } from "../core/env-file.ts";
import {
  ACCELERATORS,
  BIND_RULES,
  EXTRA_PORTS_MAX,
  ISOLATION_LEVELS,
  NETWORKS,
  RESTART_POLICIES,
  ROLLOUTS,
  STOP_SIGNALS,
  STORAGE_ENFORCEMENTS,
  SYSTEM_CALL_FILTERS,
  VIEWS,
} from "../core/service.ts";
import {
  choice,
  flag,
  list,
  MEGABYTES_MAX,
  NO_NUL,
  number,
  path,
  seconds,
  TABLE,
  text,
  whole,
} from "./schema-values.ts";

/** More than any host has: a larger number is a mistake. */
const PROCESSORS_MAX = 4096;

export const service = z.strictObject(
  {
    command: text("a program and its arguments").describe(
      "Program and arguments, split as a shell would split them; no shell runs. With `args`, the program alone.",
    ),
    args: list(
      z.string({ error: "expected text" }).regex(NO_NUL, { error: "expected text without NUL" }),
      "a list of texts",
    )
      .optional()
      .describe("Arguments, one by one. Turns the splitting of `command` off."),
    workdir: path().default(".").describe("Working directory, relative to the configuration file."),
    workdir_writable: flag()
      .default(false)
      .describe(
        "At the levels `namespace` and `qemu`: let each instance change the files of the working directory, for itself alone. Its changes are kept in its data directory; what it has not changed stays as the operator has it.",
      ),
    health: text('a path that starts with "/"', /^\/[!-~]*$/)
      .optional()
      .describe(
        "Path that answers 200 to 299 when the instance is healthy. Not set: an instance that accepts connections is healthy.",
      ),
    isolation: choice(ISOLATION_LEVELS)
      .optional()
      .describe(
        "How tenants are isolated from each other: `process`, by the process group alone; `namespace`, on Linux, by separate files, processes and users; `sandbox`, on Linux with gVisor, by a kernel in user space; `qemu` and `firecracker`, on Linux, by a virtual machine with its own kernel. Not set: `namespace` on Linux, `process` elsewhere.",
      ),
    idle_timeout: seconds({ min: 0 })
      .default(300)
      .describe(
        "Seconds without an open request after which the instance sleeps. 0: it never sleeps.",
      ),
    idle_websocket_timeout: seconds({ min: 0 })
      .default(0)
      .describe(
        "Seconds without a byte in either direction after which an open WebSocket no longer keeps its instance awake: `idle_timeout` begins, and the instance's sleep closes the WebSocket. 0: an open WebSocket always keeps it awake.",
      ),
    startup_timeout: seconds({ min: 0.1 })
      .optional()
      .describe(
        "Seconds from the start of the process to its first good health check. Not set: 10; 60 where `qemu_accel` is `tcg`.",
      ),
    request_timeout: seconds({ min: 0 })
      .default(30)
      .describe(
        "Seconds until the response headers must have arrived, wake time not counted. 0: none.",
      ),
    stop_signal: choice(STOP_SIGNALS)
      .default("SIGTERM")
      .describe("Signal that asks the application to stop."),
    stop_timeout: seconds({ min: 0 })
      .default(10)
      .describe(
        "Seconds that open requests, and then the application, get to finish before SIGKILL.",
      ),
    storage_persist: flag()
      .default(true)
      .describe(
        "Keep the data directory. false: it is deleted whenever the instance stops or sleeps.",
      ),
    restart: choice(RESTART_POLICIES)
      .default("on-failure")
      .describe("Which exits are followed by a restart: all, those with a failure, or none."),
    auto_create: flag()
      .default(false)
      .describe(
        "Let a request for an unknown id register it, with weight 0; without a second request it is forgotten when it falls asleep. Needs `max_instances`.",
      ),
    max_instances: whole({ min: 0 })
      .default(0)
      .describe("Instances that may be registered. 0: no cap."),
    max_concurrent: whole({ min: 0 })
      .default(0)
      .describe(
        "Requests that an instance may have open at once, WebSockets not counted; up to 1000 more wait for `request_timeout`, further ones get 503. 0: no cap.",
      ),
    socket: path()
      .optional()
      .describe(
        "Path of the Unix socket that the application may listen on, passed as `SOCKET_PATH`. Not set: `{data_dir}/.run/{name}.{id}.sock` at level `process`, `/tmp/tenement/{name}-{id}.sock` behind walls; a shorter one where that is too long.",
      ),
    env_file: path()
      .optional()
      .describe("File of `KEY=VALUE` lines, relative to the configuration file."),
    waiting_page: flag()
      .default(true)
      .describe("Show browsers a page that reloads itself while an instance takes long to wake."),
    pages: path()
      .optional()
      .describe(
        "Directory with your own `waiting.html`, `asleep.html` and `error.html`, for browsers. Not set: that of `[settings]`.",
      ),
    memory_limit_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .optional()
      .describe("Memory that all processes of the instance may use together. Not set: no limit."),
    cpu_shares: whole({ min: 1, max: 10_000 })
      .optional()
      .describe(
        "Share of the processor against other instances (cgroup v2 `cpu.weight`). Not set: the system's default.",
      ),
    pids_limit: whole({ min: 0 })
      .optional()
      .describe(
        "Processes and threads that the instance may have at once. 0: no limit. Not set: 512, where the host can limit them.",
      ),
    cpu_limit: number("processors", { min: 0.01, max: PROCESSORS_MAX })
      .optional()
      .describe("Processors that the instance may use at most, as in `0.5`. Not set: all."),
    io_weight: whole({ min: 1, max: 10_000 })
      .optional()
      .describe(
        "Share of the disk against other instances (cgroup v2 `io.weight`). Not set: the system's default.",
      ),
    storage_quota_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .optional()
      .describe("Size of the data directory. Not set: no quota."),
    storage_enforce: choice(STORAGE_ENFORCEMENTS)
      .default("warn")
      .describe(
        "What happens at `storage_quota_mb`: `warn` reports it, `stop` stops the instance until an operator starts it, `hard` gives it a file system of that size.",
      ),
    show: choice(VIEWS)
      .default("software")
      .describe(
        "What a walled tenant sees of the host beside its working directory and the paths below: `software`, the directories of programs, such as `/usr`, `/etc` and `/opt`; `host`, all but `/root`, `/home`, `/run` and `/tmp`.",
      ),
    read_paths: list(path(), "a list of paths")
      .default([])
      .describe("Directories and files of the host that a walled tenant may read as well."),
    write_paths: list(path(), "a list of paths")
      .default([])
      .describe("Directories that a walled tenant may also write."),
    state_paths: list(path(), "a list of paths")
      .default([])
      .describe(
        "Behind walls, in sandboxes and at level `qemu`: paths such as `/var/lib/radicale`, at each of which an instance has a directory of its own, kept in its data directory.",
      ),
    network: choice(NETWORKS)
      .optional()
      .describe(
        "`host`: the network of the host. `private`: a separate network that only the server can reach. Not set: `host`; for sandboxes and virtual machines `private`.",
      ),
    extra_ports: whole({ min: 0, max: EXTRA_PORTS_MAX })
      .default(0)
      .describe(
        "Ports that each instance has beside `PORT`, for itself alone: as `{port1}`, `{port2}` and so on, and in `TENEMENT_PORT_1`, `TENEMENT_PORT_2` and so on.",
      ),
    bind: choice(BIND_RULES)
      .default("port")
      .describe(
        "Which TCP ports a walled tenant may bind on the host's network: `port`, its own and those that the kernel chooses; `any`, all from 1024 on that are free, also those that others are about to use.",
      ),
    seccomp: choice(SYSTEM_CALL_FILTERS)
      .default("default")
      .describe(
        "Which system calls a walled tenant may use: `default`, those that applications need; `permissive`, all but those that change the host, gain privileges or reach risky parts of the kernel.",
      ),
    allow_metadata: flag()
      .default(false)
      .describe("Let the instance reach the metadata service of a cloud, such as 169.254.169.254."),
    rollout: choice(ROLLOUTS)
      .default("overlap")
      .describe(
        "How `ten rollout` replaces a process: `overlap` starts the new one beside the old one, `replace` stops the old one first. At the levels `sandbox`, `qemu` and `firecracker`, and with `workdir_writable`, it is always `replace`.",
      ),
    qemu_accel: choice(ACCELERATORS)
      .default("kvm")
      .describe("For virtual machines: `kvm`, or `tcg` for emulation, which is slow."),
    kernel: path()
      .optional()
      .describe(
        "For virtual machines: the guest's kernel. Not set: the newest in `/boot` that can mount the host's files.",
      ),
    rootfs: path()
      .optional()
      .describe(
        "For virtual machines: a raw image of the guest's root file system. Not set: the tenant's own view of the host.",
      ),
    memory_mb: whole({ min: 32, max: MEGABYTES_MAX, unit: "megabytes" })
      .default(256)
      .describe(
        "For virtual machines: memory of the guest, in megabytes. `memory_limit_mb`, if set, must leave 64 more, 128 with `tcg`.",
      ),
    vcpus: whole({ min: 1, max: 64 })
      .default(1)
      .describe("For virtual machines: processors of the guest."),
    env: z
      .record(
        text(`a name of ${ENV_NAME_RULE}`).refine(isEnvName, {
          error: `expected a name of ${ENV_NAME_RULE}`,
        }),
        z
          .string({ error: "expected text in quotes" })
          .regex(NO_NUL, { error: "expected text without NUL" }),
        TABLE,
      )
      .default({})
      .describe("Environment of the application."),
  },
  TABLE,
);
