// The paths of a view: what the service names, the server's files, private files, links.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "../../../../src/core/service.ts";
import { TenantPlaces } from "../../../../src/isolation/walls/tenant-places.ts";
import { planPaths } from "../../../../src/isolation/walls/view-paths.ts";
import { serviceWith } from "../../../support/service.ts";

let root: string;
const at = (path: string) => join(root, path);

beforeEach(() => {
  // Not in /tmp, which is hidden whatever a service shows.
  root = realpathSync(mkdtempSync(join(import.meta.dir, ".view-")));
  for (const path of ["data/notes/alice", "app/inner", "releases/1"])
    mkdirSync(at(path), { recursive: true });
  for (const path of ["app/.env", "app/key", "app/tenement.toml"]) writeFileSync(at(path), "");
  symlinkSync("releases/1", at("current"));
});

afterEach(() => rmSync(root, { recursive: true }));

function planned(service: Partial<Service>, cwd = at("app")) {
  const dataDir = at("data");
  const instanceDir = at("data/notes/alice");
  const mark = "";
  const argv = ["/usr/bin/app"];
  const plan = { argv, cwd, env: {}, instanceDir, mark, programs: [], socketPath: "/tmp/s" };
  return planPaths(serviceWith(service), plan, {
    dataDir,
    places: new TenantPlaces({ dataDir, writePaths: [] }),
    software: ["/usr"],
    serverFiles: [at("app/tenement.toml"), at("app/.env"), at("missing.env"), at("data/acme")],
    privateFiles: [at("app/key"), "/etc/key"],
  });
}

test("the server's files are secrets, and private files that the service does not name", () => {
  const secrets = [at("app/tenement.toml"), at("app/.env"), "/etc/key"];
  expect(planned({}).secrets).toEqual(secrets);
  expect(planned({ show: "host" }).secrets).toEqual(secrets);
  expect(planned({}, at("releases/1")).secrets).toContain(at("app/key"));
});

test("a server's file can't be shown by naming it", () => {
  const { read } = planned({ readPaths: [at("app/.env"), at("releases")] });
  expect(read).toEqual([at("app"), at("releases")]);
});

// Below /tmp nothing of the host is shown: there a checkout proves nothing.
test.skipIf(import.meta.dir.startsWith("/tmp/"))(
  "links by which paths are named are shown, where not all of the host is",
  () => {
    expect(planned({}, at("current"))).toMatchObject({
      cwd: at("releases/1"),
      shown: ["/usr", at("current")],
    });
    expect(planned({ readPaths: [at("current")] }).shown).toEqual(["/usr", at("current")]);
    expect(planned({ show: "host" }, at("current")).shown).toBe(null);
  },
);
