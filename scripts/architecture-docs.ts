// Writes the map in docs/architecture.md: every source file with its first line, in the order of the house.
import { HOUSE, placeOf } from "./house.ts";

/** From the root of the project. */
export const ARCHITECTURE_DOCS = "docs/architecture.md";

const HEADING = "## Tree\n";
const NAME_WIDTH = 24;

/** The document as it is, with its map brought up to date. */
export async function renderArchitectureDocs(): Promise<string> {
  const document = await Bun.file(ARCHITECTURE_DOCS).text();
  const start = document.indexOf(HEADING) + HEADING.length;
  const end = document.indexOf("\n## ", start);
  const intro = `
\`←\` lists the folders that a folder may import from. Imports point downwards in this list, between the blocks of a folder as well.

`;
  const map = `\`\`\`text\nsrc/\n${(await renderTree()).join("\n")}\n\`\`\`\n`;
  return document.slice(0, start) + intro + map + document.slice(end);
}

async function renderTree(): Promise<readonly string[]> {
  const files = [...new Bun.Glob("**/*.ts").scanSync("src")].sort();
  const lines: string[] = [];
  for (const [folder, { name, about, imports, order }] of HOUSE.entries()) {
    const indent = name === "" ? "  " : "    ";
    if (name !== "") {
      const arrow = imports.length === 0 ? "" : `  ← ${imports.filter(Boolean).join(", ")}`;
      lines.push(`  ${`${name}/`.padEnd(NAME_WIDTH)}${about}${arrow}`);
    }
    for (const line of order.keys()) {
      for (const file of files) {
        const place = placeOf(file);
        if (place.folder !== folder || place.line !== line) continue;
        const inside = name === "" ? file : file.slice(name.length + 1);
        lines.push(`${indent}${inside.padEnd(NAME_WIDTH + 4)} ${await purposeOf(`src/${file}`)}`);
      }
    }
  }
  return lines;
}

/** The first sentence of the comment at the top of a file. */
export async function purposeOf(path: string): Promise<string> {
  const lines = (await Bun.file(path).text()).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("// "));
  const text = lines.slice(0, end).map((line) => line.slice("// ".length));
  return (text.join(" ").split(/\.(?: [A-Z]|$)/)[0] ?? "").trim();
}
