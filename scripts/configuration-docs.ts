// The text of docs/configuration.md: handwritten prose, and tables from the definition of the configuration.
import { RESERVED_SERVICE_NAMES } from "../src/config/checks.ts";
import { type JsonSchema, planJsonSchema } from "../src/config/json-schema.ts";
import { LABEL_RULE } from "../src/core/ref.ts";
import { keysThatReach, type Reach } from "../src/core/reload-plan.ts";

const INTRODUCTION = `# Configuration

\`ten\` reads \`tenement.toml\`: the file named by \`--config\`, else by \`TENEMENT_CONFIG\`, else the nearest one from
the current directory upwards. A flag takes precedence over the environment, the environment over the file, the file over
the default. \`ten init\` writes a first file, \`ten config check\` reports every problem of a file, and \`ten config\` prints the
effective configuration with secrets masked.

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
${RESERVED_SERVICE_NAMES.map((name) => `\`${name}\``).join(" and ")} are reserved for the server's own files.
`;

const COMMANDS = `### Commands

\`command\` is split into a program and its arguments as a shell would: quotes and backslashes work. No shell runs, so
\`&&\`, \`|\`, \`>\`, \`*\`, \`$HOME\`, \`~\` and the like are refused instead of being passed on. To use a shell, name it:

\`\`\`toml
command = "sh"
args = ["-c", "exec ./app --port $PORT > app.log"]
\`\`\`

With \`args\` nothing is split: \`command\` is the program, each element one argument.

### Placeholders

\`{name}\` (the service), \`{id}\` (the instance), \`{data_dir}\` (of \`[settings]\`), \`{port}\`, \`{socket}\` and, with \`extra_ports\`, \`{port1}\` and so on are filled in
\`command\`, \`args\`, \`env\`, \`workdir\` and \`socket\` (there without \`{socket}\` itself). They are filled in after splitting, once: a
value is never split, and braces inside a value stay. A placeholder is a name in braces; \`{"a":1}\` and \`{}\` are text. An
unknown name in braces is an error; \`{{name}}\` is the text \`{name}\`.

### Environment

An instance does not inherit the server's environment. It gets these variables; a later entry of the list overrides an earlier one:

1. \`PATH\`, \`HOME\`, \`LANG\` and \`TZ\` of the server; behind walls \`HOME\` is the instance's own directory, and \`USER\`,
   \`LOGNAME\` and \`XDG_RUNTIME_DIR\` are those of [its account](isolation.md#setting-it-up)
2. \`env\` of the service
3. \`env_file\`
4. the variables that \`ten env set\` stored for the instance
5. \`PORT\`, \`SOCKET_PATH\`, \`TENEMENT_SERVICE\`, \`TENEMENT_INSTANCE\` (the id), \`TENEMENT_DATA_DIR\` (the instance's own
   directory) and, with \`extra_ports\`, \`TENEMENT_PORT_1\` and so on, which can't be overridden

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

const CHANGES = `\`ten reload\`, or SIGHUP to the server, reads the file again. If it has problems, nothing changes, and every problem is reported. Otherwise:

- Unchanged services keep their processes, connections and counters.
- These take effect at once, also for running instances: ${keys("now")}, and \`[routing]\`.
- These take effect with a new process of each running instance: ${keys("launch")}. The new process takes over when it is
  ready, and no request fails; if it does not become ready, the old process goes on serving, and the reload reports that. With
  \`rollout = "replace"\` the old process ends first. Sleeping instances use the new values when they start.
- With \`storage_enforce = "hard"\`, a change of that key or of \`storage_quota_mb\` takes effect when an instance next starts from rest.
- These take effect with a new server only: ${keys("server")}. The reload lists them. \`ten restart-server\` starts a new server without a failed request; only
  a change of \`data_dir\` requires that the server is stopped and started.
- A failed instance of a changed service is started again.
- Instances of a removed service are stopped. Their registration and data stay, so they return with the service.
- Instances that are newly listed in \`[instances]\` are registered and started. Instances that are no longer listed go on.

A server that replaces another, or adopts its processes after a crash, leaves the processes as they are, also those that were launched with
another configuration: \`ten ps\` and \`ten why\` show that, and the next reload replaces them.

\`ten reload --dry-run\` only reports the changes that it would make. The contents of an \`env_file\` are not part of the configuration: the file is read
at each start of an instance, so run \`ten rollout notes\` after a change of it.
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
