// Writes what is made from the definition of the configuration: its JSON Schema and its documentation.
import { renderJsonSchema } from "../src/config/json-schema.ts";
import { renderConfigurationDocs } from "./configuration-docs.ts";

/** File, from the root of the project, and its text. */
export const GENERATED: ReadonlyMap<string, () => string> = new Map([
  ["schema/tenement.schema.json", renderJsonSchema],
  ["docs/configuration.md", renderConfigurationDocs],
]);

if (import.meta.main) {
  for (const [file, render] of GENERATED) {
    await Bun.write(new URL(`../${file}`, import.meta.url), render());
  }
}
