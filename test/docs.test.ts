// What the documents say, against what is there.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { API_EXAMPLES } from "../scripts/api-examples.ts";
import { GENERATED } from "../scripts/generate-docs.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { parseConfig } from "../src/config/config.ts";
import { type Content, type DeclaredResponse, planOpenApi } from "../src/control/routes/openapi.ts";
import { ROUTES } from "../src/control/routes/routes.ts";
import type { OperationName } from "../src/control/wire/endpoints.ts";
import { Contract } from "./support/contract.ts";

const ROOT = join(import.meta.dir, "..");
const DOCUMENTS = ["*.md", "docs/**/*.md", "examples/**/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
  .sort();

test.each([...GENERATED])("%s is up to date; npm run docs writes it", async (file, render) => {
  expect(await Bun.file(join(ROOT, file)).text()).toBe(await render());
});

describe("docs/api.md", () => {
  const contract = new Contract(planOpenApi(ROUTES, "0"));

  test.each(contract.operations.map((each) => [`${each.method} ${each.path}`, each] as const))(
    "shows an example of %s that the API would take and give",
    (_, { operation }) => {
      const example = API_EXAMPLES[operation.operationId as OperationName];
      const asked = operation.requestBody?.content["application/json"]?.schema;
      expect(example.body === undefined).toBe(asked === undefined);
      if (asked !== undefined) expect(contract.allows(asked, example.body)).toBe(true);
      const declared = operation.responses[200] ?? operation.responses[201] ?? { content: {} };
      const { content = {} } = declared as { content?: Content };
      const answered = Object.values(content)[0]?.schema;
      expect(example.answer === undefined).toBe(answered === undefined);
      if (answered !== undefined) expect(contract.allows(answered, example.answer)).toBe(true);
      const { "x-messages": messages } = (operation.responses[101] ?? {}) as DeclaredResponse;
      expect(example.messages === undefined).toBe(messages === undefined);
      for (const { by, message } of example.messages ?? []) {
        const schema = (by === "client" ? messages?.sent : messages?.received) ?? {};
        expect(contract.allows(schema, message)).toBe(true);
      }
    },
  );
});

describe.each(DOCUMENTS)("%s", (path) => {
  test("links to files that exist", async () => {
    const links = [...(await read(path)).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)];
    const targets = links.map(([, target = ""]) => join(ROOT, dirname(path), target));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });

  test("shows only commands that ten has", async () => {
    const known = new Set(COMMANDS.map(({ name }) => name.split(" ")[0]));
    const typed = [...(await read(path)).matchAll(/^\s*\$ ten (\S+)/gm)].map(([, name]) => name);
    expect(typed.filter((name) => !known.has(name))).toEqual([]);
  });

  test("shows configurations that are accepted", async () => {
    const blocks = [...(await read(path)).matchAll(/^```toml\n([\s\S]*?)^```$/gm)];
    const files = blocks.map(([, text = ""]) => text).filter((text) => text.includes("[service."));
    for (const text of files) {
      expect(() => parseConfig(text, { file: `${ROOT}/tenement.toml` })).not.toThrow();
    }
  });
});

function read(path: string): Promise<string> {
  return Bun.file(join(ROOT, path)).text();
}
