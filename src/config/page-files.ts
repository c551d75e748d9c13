// Reads the directories of `pages`: the operator's own HTML in place of the proxy's.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkPage, PAGE_NAMES, type PageName, type Templates } from "../core/page-template.ts";
import type { Service } from "../core/service.ts";
import type { Problem } from "./problems.ts";

/** Each page is in memory, and is sent whole: a page with its pictures is smaller. */
const PAGE_BYTES_MAX = 256 * 1024;

interface FoundPages {
  readonly templates: Templates;
  readonly problems: readonly string[];
}

/** The services with their pages, and the problems of these. */
export async function readPages(
  services: ReadonlyMap<string, Service>,
): Promise<{ readonly services: ReadonlyMap<string, Service>; readonly problems: Problem[] }> {
  const known = new Map<string, Promise<FoundPages>>();
  const problems: Problem[] = [];
  const entries = [...services].map(async ([name, service]) => {
    if (service.pages === null) return [name, service] as const;
    const { directory } = service.pages;
    const reading = known.get(directory) ?? readDirectory(directory);
    known.set(directory, reading);
    const found = await reading;
    problems.push(...found.problems.map((text) => ({ path: ["service", name, "pages"], text })));
    return [name, { ...service, pages: { directory, templates: found.templates } }] as const;
  });
  return { services: new Map(await Promise.all(entries)), problems };
}

async function readDirectory(directory: string): Promise<FoundPages> {
  const found = await Promise.all(PAGE_NAMES.map((name) => readPage(directory, name)));
  const templates = Object.fromEntries(
    found.flatMap(({ name, text }) => (text === null ? [] : [[name, text]])),
  );
  const problems = found.flatMap((page) => page.problems);
  if (problems.length > 0 || Object.keys(templates).length > 0) return { templates, problems };
  const files = PAGE_NAMES.map((name) => `${name}.html`).join(", ");
  return { templates, problems: [`${directory} has none of ${files}`] };
}

async function readPage(
  directory: string,
  name: PageName,
): Promise<{ name: PageName; text: string | null; problems: readonly string[] }> {
  const file = join(directory, `${name}.html`);
  const problem = (text: string) => ({ name, text: null, problems: [`${file}: ${text}`] });
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT"
      ? { name, text: null, problems: [] }
      : problem(`can't be read (${code})`);
  }
  if (bytes.length > PAGE_BYTES_MAX)
    return problem(
      `expected at most ${PAGE_BYTES_MAX / 1024} KiB, it has ${Math.ceil(bytes.length / 1024)}`,
    );
  const text = bytes.toString();
  const problems = checkPage(text);
  return { name, text, problems: problems.map((each) => `${file}: ${each}`) };
}
