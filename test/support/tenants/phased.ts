// A tenant that stays in a phase of its life for as long as the test's file `hold` names the phase and the instance.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { PORT, TENEMENT_DATA_DIR = ".", TENEMENT_INSTANCE } = process.env;
/** The directory of the server under test: its data is in `data/SERVICE/INSTANCE`. */
const directory = join(TENEMENT_DATA_DIR, "../../..");
/** Identifies this process among those of the instance. */
const PROCESS = crypto.randomUUID();

function isHeld(name: string): boolean {
  try {
    return readFileSync(join(directory, "hold"), "utf8") === name;
  } catch {
    return false;
  }
}

/** Goes through a phase; the file `reached` exists while the phase is held. */
async function pass(phase: string): Promise<void> {
  const name = `${phase} ${TENEMENT_INSTANCE}`;
  if (!isHeld(name)) return;
  writeFileSync(join(directory, "reached"), name);
  while (isHeld(name)) await Bun.sleep(5);
  rmSync(join(directory, "reached"), { force: true });
}

process.on("SIGTERM", async () => {
  await pass("asked to stop");
  process.exit(0);
});

await pass("launched");
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(PORT),
  idleTimeout: 0,
  async fetch({ url }) {
    switch (new URL(url).pathname) {
      case "/health":
        await pass("probed");
        return new Response("well");
      case "/process":
        return new Response(PROCESS);
      case "/silence":
        return new Response(new ReadableStream({ start: (stream) => stream.enqueue("hush\n") }));
      default:
        return new Response(`hello from ${TENEMENT_INSTANCE}`);
    }
  },
});
