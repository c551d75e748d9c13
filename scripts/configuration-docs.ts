// The text of docs/configuration.md: handwritten prose, and tables from the definition of the configuration.
import { RESERVED_SERVICE_NAMES } from "../src/config/checks.ts";
import { type JsonSchema, planJsonSchema } from "../src/config/json-schema.ts";
import { LABEL_RULE } from "../src/core/ref.ts";
import { keysThatReach, type Reach } from "../src/core/reload-plan.ts";

const INTRODUCTION = `# Configuration

\`ten\` reads \`tenement.toml\`: the file named by \`--config\`, else by \`TENEMENT_CONFIG\`, else the nearest one from
the current directory upwards. A flag goes before the environment, the environment before the file, the file before
the default. \`ten init\` writes a file to start from, \`ten config check\` finds everything that is wrong with one, and
\`ten config\` prints what is in effect, secrets masked.

All times are in seconds, with fractions allowed, unless the name of the key ends in \`_ms\`. A megabyte is 1024 × 1024
bytes. Relative paths start at the directory of the configuration file; a path that starts with \`~\` is refused.
An unknown key is an error.

\`\`\`toml
[service.notes]
command = "uv run python app.py"
health = "/health"

[service.notes.env]
DATABASE_PATH = "{data_dir}/{name}/{id}/app.db"

[instances]
notes = ["alice", "bob"]
\`\`\`
`;

const SERVICE = `A service is a template: each tenant gets an instance of it. Names of services and ids are ${LABEL_RULE};
${RESERVED_SERVICE_NAMES.map((name) => `\`${name}\``).join(" and ")} are taken by the server's own files.
`;

const COMMANDS = `### Commands

\`command\` is split into a program and its arguments as a shell would: quotes and backslashes work. No shell runs, so
\`&&\`, \`|\`, \`>\`, \`*\`, \`$HOME\`, \`~\` and the like are refused instead of being passed on. To use a shell, say so:

\`\`\`toml
command = "sh"
args = ["-c", "exec ./app --port $PORT > app.log"]
\`\`\`

With \`args\` nothing is split: \`command\` is the program, each element one argument.

### Placeholders

\`{name}\` (the service), \`{id}\` (the instance), \`{data_dir}\` (of \`[settings]\`), \`{port}\` and \`{socket}\` are filled in in
\`command\`, \`args\`, \`env\`, \`workdir\` and \`socket\` (there without \`{socket}\` itself). They are filled in after splitting, once: a
value is never split, and braces inside a value stay. A placeholder is a name in braces; \`{"a":1}\` and \`{}\` are text. An
unknown name in braces is an error; \`{{name}}\` is the text \`{name}\`.

### Environment

An instance does not inherit the server's environment. What it gets, the later winning over the earlier:

1. \`PATH\`, \`HOME\`, \`LANG\` and \`TZ\` of the server (\`HOME\` is the instance's own directory behind walls)
2. \`env\` of the service
3. \`env_file\`
4. what \`ten env set\` stored for the instance
5. \`PORT\`, \`SOCKET_PATH\`, \`TENEMENT_SERVICE\`, \`TENEMENT_INSTANCE\` (the id) and \`TENEMENT_DATA_DIR\` (the instance's own
   directory), which nothing overrides

An \`env_file\` holds lines of \`KEY=VALUE\`, with or without \`export\`. Lines that start with \`#\` are comments, and so is what follows
\` #\` behind a value without quotes. Single quotes keep everything as it is; double quotes know \`\\n\`, \`\\r\`, \`\\t\`, \`\\"\`, \`\\\\\` and
\`\\$\`; both may span lines. Nothing is expanded.
`;

const INSTANCES = `The instances that are registered and started together with the server: the name of a service, and a list of ids.

\`\`\`toml
[instances]
notes = ["alice", "bob"]
\`\`\`
`;

const ROUTING = `\`{id}.{service}.{domain}\` and \`{service}.{domain}\` need no entry. A target is \`"service"\`, shared out by weight, or
\`"service:id"\`, one instance.

\`\`\`toml
[routing]
default = "site"
[routing.subdomain]
admin = "backoffice"
[routing.path]
"/api" = "api:prod"
\`\`\`
`;

const keys = (reach: Reach) =>
  keysThatReach(reach)
    .map((key) => `\`${key}\``)
    .join(", ");

const CHANGES = `\`ten reload\`, or SIGHUP to the server, reads the file anew. With a mistake in it nothing changes, and every mistake is named. Otherwise:

- Services that have not changed are left alone: their processes, their connections and their counters.
- At once, also for what runs: ${keys("now")}, and \`[routing]\`.
- With a new process of each running instance: ${keys("launch")}. It takes over when it is
  ready, and no request fails; where one does not get ready, the old one goes on serving, and the reload says so. With
  \`rollout = "replace"\` the old one ends first. Sleeping instances have it when they start.
- With \`storage_enforce = "hard"\`, that and \`storage_quota_mb\` hold for an instance that starts when it did not run.
- With a new server only: ${keys("server")}. The reload names them. \`ten restart-server\` brings one without a failed request; only for
  another \`data_dir\` the server has to be stopped and started.
- An instance of a changed service that had failed is tried again.
- Instances of a service that is gone are stopped. What is registered and their data stay: when the service returns, so do they.
- What is newly listed in \`[instances]\` is registered and started. What is no longer listed goes on.

A server that follows another, or finds its processes after a crash, leaves them as they are, also those that were launched for another
configuration than it has: \`ten ps\` and \`ten why\` say so, and the next reload gives them new processes.

\`ten reload --dry-run\` only tells what would be done. What stands in an \`env_file\` is no part of the configuration: it is read at each start of
an instance, so after a change of it \`ten rollout notes\`.
`;

/** Writes the reference of every key. */
export function renderConfigurationDocs(): string {
  const schema = planJsonSchema();
  const settings = property(schema, "settings");
  const service = property(schema, "service").additionalProperties || {};
  return [
    INTRODUCTION,
    `## \`[settings]\`\n\n${renderTable(settings)}`,
    `## \`[settings.tls]\`\n\n${renderTable(property(settings, "tls"))}`,
    `## \`[service.NAME]\`\n\n${SERVICE}\n${renderTable(service)}`,
    COMMANDS,
    `## \`[instances]\`\n\n${INSTANCES}`,
    `## \`[routing]\`\n\n${ROUTING}\n${renderTable(property(schema, "routing"))}`,
    `## Changes\n\n${CHANGES}`,
  ].join("\n");
}

function property(schema: JsonSchema, key: string): JsonSchema {
  return schema.properties?.[key] ?? {};
}

function renderTable(schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([key]) => key !== "tls")
    .map(([key, value]) => {
      const needed = schema.required?.includes(key) === true;
      const initial = needed ? "**required**" : renderDefault(value);
      return `| \`${key}\` | ${renderType(value)} | ${initial} | ${value.description ?? ""} |`;
    });
  return ["| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}

function renderDefault({ default: value, additionalProperties }: JsonSchema): string {
  if (value === undefined) return "not set";
  return additionalProperties === undefined ? `\`${JSON.stringify(value)}\`` : "empty";
}

function renderType(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`"${value}"\``).join(", ");
  switch (schema.type) {
    case "integer":
      return `whole number, ${renderRange(schema)}`;
    case "number":
      return `number, ${renderRange(schema)}`;
    case "array":
      return "list of strings";
    case "object":
      return "table of strings";
    default:
      return schema.type ?? "";
  }
}

function renderRange({ minimum = 0, maximum }: JsonSchema): string {
  return maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
