// Writes every document that follows from the code: the JSON Schema, the references, the map of the source tree.
import { renderJsonSchema } from "../src/config/json-schema.ts";
import { API_DOCS, renderApiDocs } from "./api-docs.ts";
import { ARCHITECTURE_DOCS, renderArchitectureDocs } from "./architecture-docs.ts";
import { COMMAND_DOCS, renderCommandDocs } from "./command-docs.ts";
import { renderConfigurationDocs } from "./configuration-docs.ts";

/** File, from the root of the project, and its text. */
export const GENERATED: ReadonlyMap<string, () => string | Promise<string>> = new Map<
  string,
  () => string | Promise<string>
>([
  ["schema/tenement.schema.json", renderJsonSchema],
  ["docs/configuration.md", renderConfigurationDocs],
  [COMMAND_DOCS, renderCommandDocs],
  [API_DOCS, renderApiDocs],
  [ARCHITECTURE_DOCS, renderArchitectureDocs],
]);

if (import.meta.main) {
  for (const [file, render] of GENERATED) await Bun.write(file, await render());
}
