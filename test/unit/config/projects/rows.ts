// A table row of ten init: the proposal for a project in memory, and that the written file says the same.
import { expect } from "bun:test";
import { parseConfig } from "../../../../src/config/config.ts";
import { proposeFor } from "../../../../src/config/projects/families.ts";
import type { Proposal } from "../../../../src/config/projects/project.ts";
import { planStarter, renderStarter } from "../../../../src/config/starter.ts";
import { project } from "../project-tree.ts";

export type Tree = Readonly<Record<string, string>>;
export type Expected = Partial<Pick<Proposal, "env" | "first" | "health" | "kind">>;

export const DIR = "{data_dir}/{name}/{id}";
export const LISTEN = "--host 127.0.0.1 --port {port}";

export function packageJson(content: unknown): Tree {
  return { "package.json": JSON.stringify(content) };
}

/** The command that is written, as the server splits it. */
export function check(tree: Tree, command: string, expected: Expected = {}): void {
  const proposal = proposeFor(project(tree));
  expect(proposal?.argv.join(" ")).toBe(command);
  expect(proposal).toMatchObject(expected);
  const text = renderStarter(planStarter(project(tree)));
  const service = parseConfig(text, { file: "/srv/tenement.toml" }).services.get("notes");
  expect(service).toMatchObject({
    argv: [...(proposal?.argv ?? [])],
    env: { ...proposal?.env },
    health: proposal?.health ?? null,
  });
}
