import { expect, test } from "bun:test";
import { Isolation } from "../../../src/platform/isolation.ts";
import { serviceWith } from "../../support/service.ts";

const isolation = new Isolation({
  dataDir: "/none",
  userIdOf: () => 61_184,
  installLauncher: () => null,
});

for (const level of ["sandbox", "qemu", "firecracker"] as const) {
  test(`the level ${level} is refused`, () => {
    expect(() => isolation.choose(serviceWith({ isolation: level }))).toThrow(
      `Cannot isolate "notes": this version does not provide the level "${level}"`,
    );
  });
}

for (const level of ["process", "namespace"] as const) {
  test(`limits are refused at level ${level}`, () => {
    const limited = (changes: object) => () =>
      isolation.choose(serviceWith({ isolation: level, ...changes }));
    expect(limited({ memoryLimitBytes: 1 })).toThrow("does not apply memory_limit_mb");
    expect(limited({ cpuShares: 1 })).toThrow("does not apply cpu_shares");
  });
}

test.skipIf(process.platform !== "linux")(
  "without a launcher nothing is started in its stead",
  () => {
    const service = serviceWith({ isolation: "namespace" });
    const ref = { service: "notes", id: "a" };
    const placement = { service, ref, slot: 0, port: 30_000 } as const;
    const plan = {
      argv: ["/bin/true"],
      cwd: "/",
      env: {},
      socketPath: "/s/s",
      instanceDir: "/i",
      mark: "/i#0",
    };
    expect(() => isolation.choose(service).enclose(placement, plan)).toThrow(
      'Cannot isolate "notes" at level "namespace": ten was built without a C compiler',
    );
  },
);
