import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TenantPlaces } from "../../../../src/isolation/walls/tenant-places.ts";

let root: string;
let places: TenantPlaces;
const at = (path: string) => join(root, path);

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "ten-places-")));
  for (const path of ["data/app/alice/sub", "disk/shared/sub", "releases/1", "secret"]) {
    mkdirSync(at(path), { recursive: true });
  }
  symlinkSync("disk", at("mnt"));
  symlinkSync("1", at("releases/current"));
  symlinkSync(at("releases/current"), at("app"));
  places = new TenantPlaces({ dataDir: at("data"), writePaths: [at("mnt/shared")] });
});

afterEach(() => rmSync(root, { recursive: true }));

test("links of the operator are followed, relative, absolute and in a chain", () => {
  expect(places.resolve(at("app"))).toBe(at("releases/1"));
  expect(places.resolve(at("releases/../mnt/./shared/"))).toBe(at("disk/shared"));
  expect(places.resolve(at("mnt/shared/sub"))).toBe(at("disk/shared/sub"));
  expect(places.resolve("/")).toBe("/");
});

test.each(["data/app/alice/link", "disk/shared/link", "disk/shared/sub/link"])(
  "a link that a tenant may have made at %s is refused, by whatever path it is reached",
  (link) => {
    symlinkSync(at("secret"), at(link));
    symlinkSync(at(link), at("way"));
    expect(() => places.resolve(at(link))).toThrow(`${at(link)} is a link that a tenant may`);
    expect(() => places.resolve(at(link.replace("disk", "mnt")))).toThrow("a tenant may have made");
    expect(() => places.resolve(at("way"))).toThrow("a tenant may have made");
    mkdirSync(at("secret/inner"));
    expect(() => places.resolve(join(at(link), "inner"))).toThrow("a tenant may have made");
  },
);

test("the links of the operator on a way are known, those of tenants and of no way are not", () => {
  expect(places.linksOn(at("app"))).toEqual([at("app"), at("releases/current")]);
  expect(places.linksOn(at("mnt/shared"))).toEqual([at("mnt")]);
  symlinkSync(at("secret"), at("disk/shared/link"));
  expect(places.linksOn(at("mnt/shared/link"))).toEqual([]);
  expect(places.linksOn(at("none"))).toEqual([]);
});

test("a path that does not exist and a circle of links are errors", () => {
  expect(() => places.resolve(at("none/x"))).toThrow("ENOENT");
  symlinkSync("circle", at("circle"));
  expect(() => places.resolve(at("circle"))).toThrow("in a circle");
});

test("nothing is made where a tenant could redirect it", () => {
  places.refuseToMake(at("new/deep/path"));
  places.refuseToMake(at("data/app/new"));
  for (const path of ["mnt/shared/new/path", "data/app/alice/new", "disk/shared/sub/new"]) {
    expect(() => places.refuseToMake(at(path))).toThrow("tenants may write");
  }
});
