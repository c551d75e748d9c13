// A service with ordinary settings, for tests that change one of them.
import type { Service } from "../../src/core/service.ts";

export function serviceWith(changes: Partial<Service> = {}): Service {
  return {
    name: "notes",
    argv: ["notes"],
    workdir: "/",
    health: null,
    isolation: "process",
    idleTimeoutMs: 300_000,
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
    socket: "/tmp/ten-none/{name}-{id}.sock",
    envFile: null,
    env: {},
    waitingPage: true,
    memoryLimitBytes: null,
    cpuShares: null,
    storageQuotaBytes: null,
    readPaths: [],
    writePaths: [],
    ...changes,
  };
}
