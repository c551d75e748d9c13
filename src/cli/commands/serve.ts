// ten serve: runs the server until a signal stops it.
import { createServer } from "node:net";
import { VERSION } from "../../build-info.ts";
import { Client } from "../../control/client/client.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { isLabel } from "../../core/ref.ts";
import type { Config } from "../../core/service.ts";
import { acceptExitCodes } from "../../platform/kernel/child-signal.ts";
import { activatedDescriptors, openNotify } from "../../platform/systemd.ts";
import { findPreviousServer, type PreviousServer } from "../../server/handover/previous-server.ts";
import type { Server, ServerOptions } from "../../server/server.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { parseInteger, usage } from "../parse.ts";
import { loadConfigOf } from "./config.ts";

export const serve = defineCommand({
  meta: {
    description:
      "Runs the server. The first SIGTERM or Ctrl-C lets open requests end and stops every instance; a second one does not wait for requests. SIGHUP reloads the configuration, as ten reload does. Listening sockets that a service manager passes are used instead of --port and --bind.",
    examples: ["serve", "serve --domain example.com --port 80"],
  },
  args: {
    port: {
      type: "string",
      alias: "p",
      valueHint: "PORT",
      default: "8080",
      description: "Port to listen on",
    },
    domain: {
      type: "string",
      valueHint: "DOMAIN",
      default: "localhost",
      description: "Instances are at ID.SERVICE.DOMAIN",
    },
    bind: {
      type: "string",
      valueHint: "ADDRESS",
      description: "Address to listen on (loopback for localhost, otherwise all)",
    },
    tls: { type: "boolean", description: "Serve HTTPS; not in this version" },
    email: {
      type: "string",
      valueHint: "ADDRESS",
      description: "Contact for certificates; with --tls",
    },
    staging: { type: "boolean", description: "Certificates for tests; with --tls" },
  },
  async run({ args, data }) {
    acceptExitCodes();
    const previous = await findPreviousServer(data.shell.env);
    // Relative paths stay those of the first server, whose working directory may be gone.
    const context = previous === null ? data : data.in(previous.cwd ?? data.shell.cwd);
    try {
      const plan = await planServer({ ...args, previous }, context);
      const server = await startServer({ ...plan, previous }, context);
      await untilClosed(server, context);
    } catch (thrown) {
      await previous?.reportFailure(thrown);
      throw thrown;
    }
  },
});

interface ServeArgs {
  readonly port: string;
  readonly domain: string;
  readonly bind?: string | undefined;
  readonly tls?: boolean | undefined;
  readonly staging?: boolean | undefined;
  readonly email?: string | undefined;
  readonly previous: PreviousServer | null;
}

interface Plan {
  readonly config: Config;
  readonly domain: string;
  readonly listen: ServerOptions["listen"];
}

/** Finds every mistake before the server touches anything. */
async function planServer({ previous, ...args }: ServeArgs, context: Context): Promise<Plan> {
  const port = parseInteger(args.port, { name: "a port", min: 0, max: 65_535 });
  const domain = parseDomain(args.domain);
  const config = await loadConfigOf(context);
  if (args.tls || args.staging || args.email !== undefined || config.settings.tls.enabled) {
    throw refuseTls();
  }
  const { dataDir } = config.settings;
  if (previous !== null && previous.dataDir !== dataDir) {
    throw new TenError("CONFLICT", `Cannot take over: data_dir has become "${dataDir}"`, {
      hint: `Set it back to "${previous.dataDir}", or stop the server and start it`,
    });
  }
  const fds = previous?.descriptors ?? activatedDescriptors(context.shell.env, process.pid);
  if (fds !== null) return { config, domain, listen: { kind: "descriptors", fds } };
  const hosts = args.bind === undefined ? await planHosts(domain) : [args.bind];
  return { config, domain, listen: { kind: "address", hosts, port } };
}

function refuseTls(): Error {
  return usage(
    "Cannot serve HTTPS: this version serves plain HTTP only",
    "Leave out --tls, --email, --staging and tls.enabled, and put an HTTPS proxy such as Caddy in front",
  );
}

/** Lower case, without a trailing dot. */
function parseDomain(text: string): string {
  const domain = text.toLowerCase().replace(/\.$/, "");
  if (domain.length <= 253 && domain.split(".").every(isLabel)) return domain;
  throw usage(`Cannot use "${text}" as a domain: not a hostname`);
}

/** Loopback addresses for localhost, otherwise all addresses; with IPv6 where it exists. */
async function planHosts(domain: string): Promise<readonly string[]> {
  if (domain !== "localhost") return (await canListen("::")) ? ["::"] : ["0.0.0.0"];
  return (await canListen("::1")) ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
}

async function canListen(host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(0, host, () => server.close(() => resolve(true)));
  return await promise;
}

async function startServer(
  plan: Plan & { readonly previous: PreviousServer | null },
  context: Context,
): Promise<Server> {
  const { startServer } = await import("../../server/server.ts");
  const report = await openReport();
  const loadConfig = () => loadConfigOf(context);
  const notify = openNotify(context.shell.env);
  const { cwd } = context.shell;
  const server = await startServer({ ...plan, cwd, loadConfig, version: VERSION, report, notify });
  // Installed before the server is announced: without a handler the signal would end it.
  context.shell.onHangup(() => {
    reloadItself(server, context).catch(report);
  });
  context.say(renderWelcome(plan.domain, server));
  return server;
}

/** Server log lines go to standard error. */
async function openReport(): Promise<(event: unknown) => void> {
  const { createConsola, LogLevels } = await import("consola");
  // consola would choose a level by the environment, also by that of the build.
  const level = LogLevels.info;
  const log = createConsola({ level, stdout: process.stderr, stderr: process.stderr });
  return (event) => (event instanceof Error ? log.error(event) : log.info(event));
}

function renderWelcome(domain: string, { port, socketPath }: Server): string {
  const suffix = port === 80 ? "" : `:${port}`;
  return [
    `Listening on http://${domain}${suffix}`,
    `Instances are at http://ID.SERVICE.${domain}${suffix}`,
    `Control socket: ${socketPath}`,
  ].join("\n");
}

/** Does the same as `ten reload`, and prints the result here. */
async function reloadItself({ socketPath }: Server, context: Context): Promise<void> {
  const { renderReload } = await import("./reload.ts");
  try {
    const answer = await new Client({ kind: "unix", path: socketPath }).call("reload");
    context.note(`Reloaded the configuration\n${renderReload(answer).trimEnd()}`);
  } catch (thrown) {
    context.note(`error: ${messageOf(thrown)}\nThe configuration in effect has not changed`);
  }
}

/**
 * The first signal lets open requests end; from the second on nothing waits for them. Also ends after a handover to
 * another server.
 */
async function untilClosed(server: Server, context: Context): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let drain = true;
  server.replaced.then(resolve, reject);
  context.shell.onSignal(() => {
    context.note(drain ? "Stopping: open requests may end" : "Stopping now");
    server.close({ drain }).then(resolve, reject);
    drain = false;
  });
  await promise;
}
