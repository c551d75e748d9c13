// Connections to a machine through its hypervisor's socket: "CONNECT PORT", answered by "OK" and a number.

/** A busy machine answers late, a crashed one never. */
const ANSWER_TIMEOUT_MS = 2000;

/** Sends a line to a port of a machine; false: no answer, or nothing listens there. Never rejects. */
export function sendLine(
  socketPath: string,
  { line, port }: { readonly line: string; readonly port: number },
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ANSWER_TIMEOUT_MS);
  let answer = "";
  const socket: Bun.SocketHandler = {
    open(opened) {
      opened.write(`CONNECT ${port}\n`);
    },
    data(opened, chunk) {
      answer += chunk.toString("latin1");
      if (!answer.includes("\n")) return;
      const isAccepted = answer.startsWith("OK ");
      if (isAccepted) opened.write(`${line}\n`);
      // First: `close` is called before `end` returns.
      resolve(isAccepted);
      opened.end();
    },
    close: () => resolve(false),
    error: () => resolve(false),
  };
  Bun.connect({ unix: socketPath, socket }).catch(() => resolve(false));
  return promise.finally(() => clearTimeout(timer));
}
