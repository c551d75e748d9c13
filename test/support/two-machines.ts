// Two network namespaces, joined by a cable: one for the server under test, one as another machine.
import { until } from "./until.ts";

/** The server's addresses, as the other machine reaches them. */
export const SERVER = "10.77.0.1";
export const SERVER6 = "fd77::1";
export const OTHER = "10.77.0.2";
const OTHER6 = "fd77::2";

export interface TwoMachines extends Disposable {
  /** The command that runs a program in the server's network. */
  readonly server: readonly string[];
  /** The command that runs a program on the other machine. */
  readonly other: readonly string[];
}

/** An attempt to connect: "silent" has no answer, although a later one to the control port has been accepted. */
export type Attempt = "open" | "refused" | "silent";

/** Connects to all ports, then to the control port, and only then looks at the others. */
const PROBE = `
import socket, sys
address, control, *ports = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
attempts = [socket.socket(family) for _ in ports]
for attempt, port in zip(attempts, ports):
    attempt.setblocking(False)
    attempt.connect_ex((address, int(port)))
socket.create_connection((address, int(control))).close()
def outcome(attempt):
    if attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0: return "refused"
    try: attempt.getpeername()
    except OSError: return "silent"
    return "open"
print(" ".join(map(outcome, attempts)))
`;

/** Needs root. Nothing of the host's own network is touched. */
export async function openTwoMachines(): Promise<TwoMachines> {
  const [server, other] = [openNetwork(), openNetwork()];
  const dispose = () => {
    for (const holder of [server, other]) holder.kill("SIGKILL");
  };
  try {
    for (const { pid } of [server, other]) await until("a network", () => hasOwnNetwork(pid));
    run("ip", "link", "add", "cable", "netns", String(server.pid), "type", "veth", ...peer(other));
    plugIn(server, [`${SERVER}/24`, `${SERVER6}/64`]);
    plugIn(other, [`${OTHER}/24`, `${OTHER6}/64`]);
  } catch (error) {
    dispose();
    throw error;
  }
  return { server: enter(server), other: enter(other), [Symbol.dispose]: dispose };
}

/** How attempts to connect to the server's ports end, in their order. */
export async function attemptAll(
  { other }: TwoMachines,
  target: { address: string; control: number; ports: readonly number[] },
): Promise<readonly string[]> {
  const { address, control, ports } = target;
  const argv = ["/usr/bin/python3", "-c", PROBE, address, ...[control, ...ports].map(String)];
  const child = Bun.spawn([...other, ...argv], { stdio: ["ignore", "pipe", "inherit"] });
  return (await child.stdout.text()).trim().split(" ");
}

type Holder = ReturnType<typeof openNetwork>;

function openNetwork() {
  // Ends with its standard input, so with the tests.
  return Bun.spawn(["unshare", "--net", "cat"], { stdio: ["pipe", "ignore", "ignore"] });
}

function peer({ pid }: Holder): readonly string[] {
  return ["peer", "name", "cable", "netns", String(pid)];
}

function hasOwnNetwork(pid: number): boolean {
  const networkOf = (name: string | number) =>
    Bun.spawnSync(["readlink", `/proc/${name}/ns/net`]).stdout.toString();
  return networkOf(pid) !== networkOf("self");
}

function enter({ pid }: Holder): readonly string[] {
  return ["nsenter", "--target", String(pid), "--net"];
}

function plugIn(holder: Holder, addresses: readonly string[]): void {
  const ip = (...args: readonly string[]) => run(...enter(holder), "ip", ...args);
  for (const address of addresses) {
    // No other computer has it, so the check for duplicates would only delay.
    ip("addr", "add", address, "dev", "cable", ...(address.includes(":") ? ["nodad"] : []));
  }
  for (const device of ["lo", "cable"]) ip("link", "set", device, "up");
}

function run(...argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
}
