import { expect, test } from "bun:test";
import { stopInstances } from "../../../src/server/assembly.ts";

test.each(["supervisor", "volumes", "trash", "isolation"])(
  "everything is stopped in order, also where the end of %s fails",
  async (failing) => {
    const ended: string[] = [];
    const end = (name: string) => {
      ended.push(name);
      if (name === failing) throw new Error(`${name} fails`);
    };
    const stopped = stopInstances({
      supervisor: { close: async () => end("supervisor") },
      volumes: { [Symbol.asyncDispose]: async () => end("volumes") },
      isolation: {
        trash: { [Symbol.asyncDispose]: async () => end("trash") },
        [Symbol.dispose]: () => end("isolation"),
      },
      firewall: { [Symbol.dispose]: () => end("firewall") },
    });
    await expect(stopped).rejects.toThrow(`${failing} fails`);
    expect(ended).toEqual(["supervisor", "volumes", "trash", "isolation", "firewall"]);
  },
);
