// Writes the JSON Schema and the reference of the configuration from its definition.
import { renderJsonSchema } from "../src/config/json-schema.ts";
import { renderConfigurationDocs } from "./configuration-docs.ts";

/** The path of each file, from the root of the project, and its text. */
export const GENERATED: ReadonlyMap<string, () => string> = new Map([
  ["schema/tenement.schema.json", renderJsonSchema],
  ["docs/configuration.md", renderConfigurationDocs],
]);

if (import.meta.main) {
  for (const [file, render] of GENERATED) {
    await Bun.write(new URL(`../${file}`, import.meta.url), render());
  }
}
