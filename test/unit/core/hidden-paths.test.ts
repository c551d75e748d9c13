// Hidden directories: which paths lie in one, and whether the launcher hides the same.
import { expect, test } from "bun:test";
import { COVERED, isHidden, PRIVATE_TMP } from "../../../src/core/hidden-paths.ts";

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

test("a path is hidden in a hidden directory, and in nothing whose name only begins alike", () => {
  expect(["/home/user/app", "/root", "/var/tmp/x"].map(isHidden)).toEqual([true, true, true]);
  expect(["/homework", "/srv/home", "/"].map(isHidden)).toEqual([false, false, false]);
});

test("the launcher hides the same directories", async () => {
  const lists = await pathListsOfLauncher();
  expect(lists).toContainEqual([...COVERED]);
  expect(lists).toContainEqual([...PRIVATE_TMP]);
});
