// The commands of the tenants that scenario tests run.
import { join } from "node:path";

const here = (file: string) => join(import.meta.dir, file);

/** Run by the Bun that runs the tests. */
export const APP_COMMAND = `${process.execPath} ${here("app.ts")}`;
export const WALLED_COMMAND = `${process.execPath} ${here("walled.ts")}`;
export const HUNGRY_COMMAND = `${process.execPath} ${here("hungry.ts")}`;
export const STORING_COMMAND = `${process.execPath} ${here("storing.ts")}`;
export const LASTING_COMMAND = `${process.execPath} ${here("lasting.ts")}`;
export const PHASED_COMMAND = `${process.execPath} ${here("phased.ts")}`;
export const SHELL_COMMAND = `${process.execPath} ${here("shell.ts")}`;
/** Closes each connection behind its answer. */
export const CLOSING_COMMAND = `python3 ${here("closing.py")}`;
/** Answers one request after the other on its Unix socket. */
export const QUEUEING_COMMAND = `python3 ${here("queueing.py")}`;
/** Listens on its Unix socket in an orphan of its own. */
export const FORKING_COMMAND = `python3 ${here("forking.py")}`;
/** Binds the ports that requests ask for. */
export const BINDING_COMMAND = `python3 ${here("binding.py")}`;
export const BULK_COMMAND = `node ${here("bulk.mjs")}`;

/** A configuration with one service, `app`. */
export function appConfig(keys = "", settings = ""): string {
  return `[settings]\n${settings}\n[service.app]\ncommand = "${APP_COMMAND}"\n${keys}\n`;
}
