import { expect, test } from "bun:test";
import { LaunchPorts } from "../../../../src/supervisor/launch/launch-ports.ts";
import { PLACE, serviceWith } from "../../../support/service.ts";

/** Ports 1 and up, with a firewall that fails to release them. */
function open() {
  const given: number[] = [];
  const claimed: number[] = [];
  const reports: unknown[] = [];
  const ports = new LaunchPorts({
    ports: {
      takeMany: (count) => Array.from({ length: count }, (_, index) => index + 1),
      give: (...freed) => given.push(...freed),
      reserve: () => undefined,
    },
    firewall: {
      claim: ({ port }) => claimed.push(port),
      release: () => {
        throw new Error("no descriptor is free");
      },
    },
    report: (error) => reports.push(error),
  });
  return { ports, given, claimed, reports };
}

test("the ports of a launch are free even if the firewall fails, which is reported", () => {
  const { given, ports, reports } = open();
  ports.free(ports.take(serviceWith({ extraPorts: 2 })));
  expect(given).toEqual([1, 2, 3]);
  expect(reports).toHaveLength(1);
});

test("in a private network ports are not claimed from the host", () => {
  const { claimed, ports } = open();
  ports.claim(
    { ...PLACE, service: serviceWith({ isolation: "namespace", network: "private" }) },
    { owner: 1 },
  );
  expect(claimed).toEqual([]);
  ports.claim({ ...PLACE, service: serviceWith({ isolation: "namespace" }) }, { owner: 1 });
  expect(claimed).toEqual([1]);
});
