// The server's files outside its data directory, which no walled tenant sees: they may hold secrets of every service.
import type { Config, Service } from "./service.ts";

/** Where `ten init` puts the JSON Schema, beside `tenement.toml`, which names it in its first line. */
export const SCHEMA_FILE = ".tenement.schema.json";

export function serverFiles(
  { file, settings }: Pick<Config, "file" | "settings">,
  services: Iterable<Service>,
): readonly string[] {
  const envFiles = [...services].flatMap(({ envFile }) => (envFile === null ? [] : [envFile]));
  const directory = file.slice(0, file.lastIndexOf("/") + 1);
  const own = [file, `${directory}${SCHEMA_FILE}`, settings.tls.cacheDir];
  return [...new Set([...own, ...envFiles])];
}
