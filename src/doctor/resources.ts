// Examines the kernel's limits for the server and all tenants together: descriptors, processes, watched files.
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

/** A setting of the kernel, and the value that a server with a few hundred tenants needs. */
interface KernelSetting {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly atLeast: number;
  /** The recommended value. */
  readonly advice: number;
  readonly meaning: string;
}

const DESCRIPTORS_MIN = 10_000;
const DESCRIPTORS_ADVICE = 65_536;

const SETTINGS: readonly KernelSetting[] = [
  {
    id: "resources.pids",
    title: "process numbers",
    path: "/proc/sys/kernel/pid_max",
    // 64 instances with the default limit of 512 processes each.
    atLeast: 32_768,
    advice: 4_194_304,
    meaning: "All processes and threads of all tenants share these",
  },
  {
    id: "resources.threads",
    title: "threads",
    path: "/proc/sys/kernel/threads-max",
    atLeast: 32_768,
    advice: 131_072,
    meaning: "All processes and threads of all tenants share these",
  },
  {
    id: "resources.inotify-instances",
    title: "inotify instances of a user",
    path: "/proc/sys/fs/inotify/max_user_instances",
    atLeast: 128,
    advice: 1024,
    meaning: "Tenants that watch files share these, unless each has its own user",
  },
  {
    id: "resources.inotify-watches",
    title: "inotify watches of a user",
    path: "/proc/sys/fs/inotify/max_user_watches",
    atLeast: 8192,
    advice: 524_288,
    meaning: "Tenants that watch files share these, unless each has its own user",
  },
];

export function examineResources(host: Host): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const descriptors = describeDescriptors(host.read("/proc/self/limits") ?? "");
  const settings = SETTINGS.flatMap((each) => describeSetting(each, host.read(each.path)) ?? []);
  return [...(descriptors === null ? [] : [descriptors]), ...settings];
}

/** The hard limit, to which the server raises its own. */
function describeDescriptors(limits: string): Finding | null {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  if (hard === undefined) return null;
  const finding = {
    id: "resources.descriptors",
    group: "resources",
    title: "open files",
    found: hard,
  } as const;
  if (hard === "unlimited" || Number(hard) >= DESCRIPTORS_MIN) return fine(finding);
  return {
    ...finding,
    state: "warning",
    meaning: "Each connection takes two, each instance some more: the server runs out under load",
    remedy: `LimitNOFILE=${DESCRIPTORS_ADVICE} in its systemd unit\nulimit -n ${DESCRIPTORS_ADVICE}, as root, in the shell that starts it`,
    blocks: [],
  };
}

function describeSetting(setting: KernelSetting, text: string | null): Finding | null {
  const { advice, atLeast, id, meaning, path, title } = setting;
  if (text === null) return null;
  const finding = { id, group: "resources", title, found: text } as const;
  if (Number(text) >= atLeast) return fine(finding);
  const key = path.slice("/proc/sys/".length).replaceAll("/", ".");
  const remedy = `sysctl -w ${key}=${advice}`;
  return { ...finding, state: "warning", meaning, remedy, blocks: [] };
}
