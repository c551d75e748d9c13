// The remedy for a failed start, by the reason and the last lines that the application wrote.
import { bindsHostPorts, networkOf, overlaps, type Service } from "./service.ts";

export interface FailedStart {
  /** The reason of the failure: "exited with code 0". */
  readonly reason: string;
  /** Of this launch alone, oldest first. */
  readonly lines: readonly string[];
  readonly service: Service;
  /** On which it was to listen; null: not known any more. */
  readonly port: number | null;
  /** The instance's data directory; null: not known any more. */
  readonly dataDir: string | null;
  /** It started beside the process that it was to replace. */
  readonly isReplacement: boolean;
}

interface Rule {
  readonly matches: (failed: FailedStart) => boolean;
  readonly hint: (failed: FailedStart) => string;
}

const DENIED = /EACCES|permission denied|permission to listen|\bdenied\b/i;
/** As words, since a path may have such a part. */
const LISTENING = /(?<![/\w])(listen|bind|address already|addr=|zmq|port \d+)/i;
/** Flask writes no more than this. */
const DENIED_ALONE = /^\W*permission denied\W*$/i;
const READ_ONLY = /EROFS|Errno 30\b|read-only file system/i;
const NOT_MADE = /ENOENT|EACCES|permission denied|no such file/i;
const LOCKED = /\block(ed)?\b.*(database|file)|(database|file).*\block(ed)?\b|already running/i;

/** The first that matches is the remedy. */
const RULES: readonly Rule[] = [
  {
    matches: ({ isReplacement, lines, service }) =>
      isReplacement && overlaps(service) && lines.some((line) => LOCKED.test(line)),
    hint: () =>
      'It locks its data, so two processes of it can\'t run side by side: set rollout = "replace" in its service',
  },
  {
    matches: (failed) =>
      hasWalls(failed) && failed.lines.some((line) => READ_ONLY.test(line) || fails(line, failed)),
    hint: ({ dataDir }) =>
      `Behind walls it can write only to its data directory${dataDir === null ? "" : `, ${dataDir},`} and /tmp: see workdir_writable and state_paths`,
  },
  {
    matches: (failed) => hasPortRule(failed) && failed.lines.some(isRefusedToListen),
    hint: ({ port }) =>
      `Behind walls it can listen only on PORT${port === null ? "" : ` (${port})`} or SOCKET_PATH: pass {port}, for example --port {port}; for more ports see extra_ports and bind`,
  },
  {
    matches: ({ reason }) => reason.startsWith("exited with code 0"),
    hint: () => "A web application stays in the foreground and listens on PORT",
  },
];

/** Null: the output names no cause that is known. */
export function hintFromOutput(failed: FailedStart): string | null {
  return RULES.find(({ matches }) => matches(failed))?.hint(failed) ?? null;
}

function hasWalls({ service }: FailedStart): boolean {
  return service.isolation !== "process";
}

function hasPortRule(failed: FailedStart): boolean {
  const { service } = failed;
  return hasWalls(failed) && networkOf(service) === "host" && !bindsHostPorts(service);
}

/** Node reports ENOENT where it can't make a directory and its parents. */
function fails(line: string, { service: { workdir } }: FailedStart): boolean {
  return /\bmkdir\b/.test(line) && NOT_MADE.test(line) && line.includes(`${workdir}/`);
}

function isRefusedToListen(line: string): boolean {
  return DENIED_ALONE.test(line) || (DENIED.test(line) && LISTENING.test(line));
}
