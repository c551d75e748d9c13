// The directory of a server under test: configuration, data and sockets, with a path short enough for Unix sockets.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parse, stringify, type TomlTable } from "smol-toml";
import { ROOT } from "./executable.ts";
import { wallSettings } from "./walls.ts";

const REMOVALS_MAX = 20;

export interface PlaceOptions {
  /** The parent of its directory; by default the system's temporary directory, which walls hide. */
  readonly parent?: string;
  /** The owner of the directory; by default the user that runs the tests. */
  readonly user?: number;
  /** A folder of examples/, copied together with its siblings. */
  readonly example?: string;
  /** The text of a tenement.toml; without it and an example the configuration is empty. */
  readonly configText?: string;
  /** Keys to set in each service. */
  readonly service?: Readonly<Record<string, unknown>>;
  /** Keys to set under `[settings]`. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Place {
  readonly root: string;
  readonly configFile: string;
  readonly dataDir: string;
  remove(): void;
}

export function openPlace(options: PlaceOptions): Place {
  const root = mkdtempSync(join(options.parent ?? tmpdir(), "ten-"));
  // It isn't hidden there, so the users of tenants need access.
  if (options.parent !== undefined) chmodSync(root, 0o755);
  const folder = options.example === undefined ? join(root, "app") : copyExamples(root, options);
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, "tenement.toml");
  const text = options.configText ?? readIfExample(configFile, options);
  writeFileSync(configFile, adapt(text, options));
  if (options.user !== undefined)
    for (const path of [root, folder]) chownSync(path, options.user, options.user);
  return {
    root,
    configFile,
    dataDir: join(root, "data"),
    remove: () => removeTree(root),
  };
}

/** Tries again where the helper of a killed server deletes in it as well, which makes a removal end early. */
function removeTree(path: string): void {
  for (let tries = 0; existsSync(path) && tries < REMOVALS_MAX; tries += 1) {
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
}

function copyExamples(root: string, { example = "" }: PlaceOptions): string {
  const copy = join(root, "examples");
  cpSync(join(ROOT, "examples"), copy, {
    recursive: true,
    // Files that running or building an example leaves.
    filter: (path) =>
      basename(path) !== "tenement-data" &&
      !(basename(dirname(path)) === "go-http" && basename(path) === "server"),
  });
  return join(copy, example);
}

function readIfExample(configFile: string, { example }: PlaceOptions): string {
  return example === undefined ? "" : readFileSync(configFile, "utf8");
}

/** Sets the requested keys. */
function adapt(text: string, { service = {}, settings = {} }: PlaceOptions): string {
  const config = parse(text);
  const { data_dir: _, ...kept } = (config["settings"] ?? {}) as TomlTable;
  const services = Object.entries((config["service"] ?? {}) as TomlTable).map(([name, table]) => [
    name,
    { ...wallSettings(), ...(table as TomlTable), ...service },
  ]);
  return stringify({
    ...config,
    settings: { ...kept, ...settings },
    service: Object.fromEntries(services),
  });
}
