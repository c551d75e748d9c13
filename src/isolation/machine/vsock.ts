// Connections to a virtual machine by the socket of its hypervisor: "CONNECT PORT", answered with "OK" and a number.

/** The machine may be too busy to answer, or never answer again. */
const PATIENCE_MS = 2000;

/** Sends a line to a port of a machine; false: nobody listens there. Never rejects. */
export function sendLine(
  socketPath: string,
  { line, port }: { readonly line: string; readonly port: number },
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), PATIENCE_MS);
  let answer = "";
  const socket: Bun.SocketHandler = {
    open: (opened) => void opened.write(`CONNECT ${port}\n`),
    data(opened, chunk) {
      answer += chunk.toString("latin1");
      if (!answer.includes("\n")) return;
      const isHeard = answer.startsWith("OK ");
      if (isHeard) opened.write(`${line}\n`);
      // First: its end is told before `end` returns.
      resolve(isHeard);
      opened.end();
    },
    close: () => resolve(false),
    error: () => resolve(false),
  };
  Bun.connect({ unix: socketPath, socket }).catch(() => resolve(false));
  return promise.finally(() => clearTimeout(timer));
}
