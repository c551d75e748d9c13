import { expect, test } from "bun:test";
import { LABEL, NOTES, problemsOf } from "./refusal.ts";

const PLACEHOLDERS = "{name} {id} {data_dir} {port} {socket}";
const NO_SHELL = 'no shell runs, so write command = "sh" and args = ["-c", "..."] to use one';

test.each<[string, string[]]>([
  // Commands and templates.
  [
    '[service.notes]\ncommand = "a | b"',
    [`service.notes.command: "|" is shell syntax: ${NO_SHELL}`],
  ],
  [
    '[service.notes]\ncommand = "a {prot}"',
    [`service.notes.command: expected one of ${PLACEHOLDERS}, got "{prot}", did you mean "port"?`],
  ],
  [
    '[service.notes]\ncommand = "~/a"\nargs = []',
    ['service.notes.command: expected a path without "~", which is not expanded, got "~/a"'],
  ],
  [`${NOTES}args = ["{x}"]`, [`service.notes.args[0]: expected one of ${PLACEHOLDERS}, got "{x}"`]],
  [
    `${NOTES}env = { A = "{nam}" }`,
    [`service.notes.env.A: expected one of ${PLACEHOLDERS}, got "{nam}", did you mean "name"?`],
  ],
  [
    `${NOTES}workdir = "{x}"`,
    [`service.notes.workdir: expected one of ${PLACEHOLDERS}, got "{x}"`],
  ],
  [
    `${NOTES}socket = "/run/{socket}"`,
    ['service.notes.socket: expected one of {name} {id} {data_dir} {port}, got "{socket}"'],
  ],
  [
    `${NOTES}extra_ports = 1\nargs = ["{port1}", "{port2}"]`,
    ['service.notes.args[1]: expected extra_ports of at least 2 with it, got "{port2}"'],
  ],
  [
    `${NOTES}extra_ports = 17\nargs = ["{port1}"]`,
    ["service.notes.extra_ports: expected a whole number from 0 to 16, got 17"],
  ],
  [
    `${NOTES}env_file = "{id}.env"`,
    ['service.notes.env_file: expected no placeholder here, got "{id}"'],
  ],
  [
    `${NOTES}storage_enforce = "stop"`,
    ['service.notes.storage_enforce: expected storage_quota_mb with it, got "stop" alone'],
  ],
  [`${NOTES}kernel = "{id}"`, ['service.notes.kernel: expected no placeholder here, got "{id}"']],
  [
    `${NOTES}read_paths = ["/a", "{id}"]`,
    ['service.notes.read_paths[1]: expected no placeholder here, got "{id}"'],
  ],
  [
    '[settings.tls]\ncache_dir = "{id}"',
    ['settings.tls.cache_dir: expected one of {data_dir}, got "{id}"'],
  ],
  [
    '[settings]\ndata_dir = "~/data"',
    ['settings.data_dir: expected a path without "~", which is not expanded, got "~/data"'],
  ],
  [
    `${NOTES}workdir = "~"\nenv_file = "~/.env"`,
    [
      'service.notes.workdir: expected a path without "~", which is not expanded, got "~"',
      'service.notes.env_file: expected a path without "~", which is not expanded, got "~/.env"',
    ],
  ],
  // Values that must agree.
  [
    `${NOTES}auto_create = true`,
    [
      "service.notes.max_instances: expected at least 1, since auto_create lets any request add an instance, got 0",
    ],
  ],
  [
    `${NOTES}[instances]\nnote = ["a"]`,
    ['instances.note: expected a defined service, got "note", did you mean "notes"?'],
  ],
  [
    `${NOTES}[instances]\nnotes = ["a", "b", "a"]`,
    ['instances.notes[2]: expected each id once, got "a" again'],
  ],
  [`${NOTES}[instances]\nnotes = ["A"]`, [`instances.notes[0]: expected ${LABEL}, got "A"`]],
  [`${NOTES}[instances]\nnotes = "a"`, ['instances.notes: expected a list of ids, got "a"']],
  [
    `${NOTES}max_instances = 1\n[instances]\nnotes = ["a", "b"]`,
    ["instances.notes: expected at most 1 ids, the service's max_instances, got 2"],
  ],
  [
    `${NOTES}[routing]\ndefault = "nots"`,
    ['routing.default: expected a defined service, got "nots", did you mean "notes"?'],
  ],
  [
    `${NOTES}[routing]\ndefault = "notes:A"`,
    [`routing.default: expected "service" or "service:id", the id of ${LABEL}, got "notes:A"`],
  ],
  [
    `${NOTES}[routing]\ndefault = "a:b:c"`,
    [`routing.default: expected "service" or "service:id", the id of ${LABEL}, got "a:b:c"`],
  ],
  [
    `${NOTES}[routing.subdomain]\n"*" = "notes"`,
    [`routing.subdomain."*": expected names joined by ".", each of ${LABEL}, got "*"`],
  ],
  [
    `${NOTES}[routing.path]\napi = "notes"`,
    ['routing.path.api: expected a path that starts with "/", without query, got "api"'],
  ],
  [
    `${NOTES}[routing.path]\n"/a?b" = "notes"`,
    ['routing.path."/a?b": expected a path that starts with "/", without query, got "/a?b"'],
  ],
  [
    `${NOTES}[routing.path]\n"/a" = "notes"\n"/a/" = "notes"`,
    ['routing.path."/a/": expected each path once, got the same as "/a"'],
  ],
  [
    `${NOTES}read_paths = ["/srv/a/b"]\nwrite_paths = ["shared/inner", "/srv/a"]\n[service.wiki]\ncommand = "app"\nread_paths = ["/srv/ab"]\nwrite_paths = ["./shared/", "/srv/a/"]`,
    [
      'service.notes.read_paths[0]: expected a path outside the write_paths of [service.wiki], whose instances could put a link in its place, got "/srv/a/b"',
      'service.notes.write_paths[0]: expected a path outside the write_paths of [service.wiki], whose instances could put a link in its place, got "shared/inner"',
    ],
  ],
  [
    `${NOTES}isolation = "qemu"\nmemory_limit_mb = 300`,
    [
      "service.notes.memory_limit_mb: expected at least 320, memory_mb and 64 for what runs the machine, got 300",
    ],
  ],
  [
    `${NOTES}isolation = "qemu"\nqemu_accel = "tcg"\nmemory_mb = 512\nmemory_limit_mb = 600`,
    [
      "service.notes.memory_limit_mb: expected at least 640, memory_mb and 128 for what runs the machine, got 600",
    ],
  ],
  [
    `${NOTES}isolation = "qemu"\nnetwork = "host"`,
    [
      'service.notes.network: expected "private", the only network of a virtual machine, got "host"',
    ],
  ],
  [
    `${NOTES}isolation = "qemu"\nsocket = "{data_dir}/s"`,
    [
      'service.notes.socket: expected a path outside of {data_dir}, where a machine of QEMU can make no sockets, got "{data_dir}/s"',
    ],
  ],
  [
    `${NOTES}isolation = "firecracker"\nkernel = "k"\nrootfs = "r"\nstorage_quota_mb = 10\nstorage_enforce = "hard"`,
    [
      'service.notes.storage_enforce: expected none, since at "firecracker" storage_quota_mb is always the size of a file system, got "hard"',
    ],
  ],
  [
    `${NOTES}isolation = "firecracker"\nqemu_accel = "tcg"`,
    [
      'service.notes.qemu_accel: expected "kvm", since Firecracker can\'t emulate, got "tcg"',
      'service.notes.kernel: expected a kernel for "firecracker", got none',
      'service.notes.rootfs: expected an image for "firecracker", got none',
    ],
  ],
])("refuses %j with the reason", (text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});
