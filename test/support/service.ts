// A service with default settings, for tests that change some of them.
import { defaultSocketAt } from "../../src/core/instance-paths.ts";
import type { Service } from "../../src/core/service.ts";

export function serviceWith(changes: Partial<Service> = {}): Service {
  return {
    name: "notes",
    argv: ["notes"],
    workdir: "/",
    workdirWritable: false,
    health: null,
    isolation: "process",
    idleTimeoutMs: 300_000,
    tunnelIdleMs: 0,
    startupTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    stopSignal: "SIGTERM",
    stopTimeoutMs: 10_000,
    healthIntervalMs: 10_000,
    restart: {
      policy: "on-failure",
      max: 3,
      windowMs: 300_000,
      backoffBaseMs: 1000,
      backoffMaxMs: 60_000,
    },
    storagePersist: true,
    autoCreate: false,
    maxInstances: 0,
    maxConcurrent: 0,
    socket: defaultSocketAt(changes.isolation ?? "process"),
    envFile: null,
    env: {},
    waitingPage: true,
    pages: null,
    memoryLimitBytes: null,
    cpuShares: null,
    pidsLimit: null,
    cpuLimit: null,
    ioWeight: null,
    storageQuotaBytes: null,
    storageEnforce: "warn",
    show: "software",
    readPaths: [],
    writePaths: [],
    statePaths: [],
    network: null,
    extraPorts: null,
    bindAny: false,
    seccomp: "default",
    allowMetadata: false,
    rollout: "overlap",
    machine: { accel: "kvm", kernel: null, rootfs: null, memoryBytes: 256 * 1024 ** 2, vcpus: 1 },
    ...changes,
  };
}

/** Where an instance is launched, without its service. */
export const PLACE = {
  ref: { service: "notes", id: "a" },
  slot: 0,
  port: 1,
  extraPorts: [],
} as const;
