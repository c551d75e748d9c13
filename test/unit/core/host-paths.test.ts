// The host's directories: which paths are software, and whether the launcher hides the same.
import { expect, test } from "bun:test";
import { COVERED, isSoftware, PRIVATE_TMP } from "../../../src/core/host-paths.ts";

/** Every array of absolute paths in the launcher's sources. */
async function pathListsOfLauncher(): Promise<readonly string[][]> {
  const lists: string[][] = [];
  for (const file of new Bun.Glob("native/launcher/*.c").scanSync()) {
    const arrays = (await Bun.file(file).text()).matchAll(
      /\bchar \*const \w+\[\] = \{("\/[^}]*)\};/g,
    );
    for (const [, items = ""] of arrays) {
      lists.push([...items.matchAll(/"([^"]*)"/g)].map(([, path = ""]) => path));
    }
  }
  return lists;
}

test("a path is software in a directory of software, and in none whose name only begins alike", () => {
  expect(["/usr/bin/python3", "/etc", "/opt/app"].map(isSoftware)).toEqual([true, true, true]);
  expect(["/var/lib/gems/3.1", "/nix/store/x"].map(isSoftware)).toEqual([true, true]);
  const data = ["/", "/srv/app", "/usr2", "/home/a/usr", "/var/lib/app", "/mnt", "/boot"];
  expect(data.filter(isSoftware)).toEqual([]);
});

test("the launcher hides the same directories", async () => {
  const lists = await pathListsOfLauncher();
  expect(lists).toContainEqual([...COVERED]);
  expect(lists).toContainEqual([...PRIVATE_TMP]);
});
