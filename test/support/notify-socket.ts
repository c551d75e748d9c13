// The service manager's end of sd_notify(3): a datagram Unix socket, which Bun doesn't offer.
import { dlopen, ptr } from "bun:ffi";
import { libcPath } from "../../src/platform/kernel/libc.ts";
import { until } from "./until.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const DATAGRAM_BYTES = 4096;

const { symbols: libc } = dlopen(libcPath() ?? "", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  close: { args: ["i32"], returns: "i32" },
});

export class NotifySocket implements Disposable {
  readonly #fd = libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);

  /** @param path an abstract name if it starts with @ */
  constructor(path: string) {
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path)]);
    if (path.startsWith("@")) address[2] = 0;
    if (libc.bind(this.#fd, ptr(address), address.length) !== 0) throw new Error(`bind ${path}`);
  }

  /** The fields of the next message. */
  async next(): Promise<Record<string, string>> {
    const buffer = Buffer.alloc(DATAGRAM_BYTES);
    const length = await until("a message", () => {
      const received = Number(libc.recv(this.#fd, ptr(buffer), buffer.length, 0));
      return received > 0 && received;
    });
    const lines = buffer.toString("utf8", 0, length).split("\n");
    return Object.fromEntries(lines.map((line) => line.split("=")));
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}
