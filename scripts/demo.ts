// `npm run demo`: two tenants of one application, separate, asleep, awake, and alive when the server is killed.
// Exits with 1 when a step fails; leaves nothing behind.
import { join } from "node:path";
import { startTimeOf } from "../src/platform/process/processes.ts";
import { executable } from "../test/support/executable.ts";
import type { Reply } from "../test/support/request.ts";
import { startTen, type Ten } from "../test/support/ten.ts";
import { PYTHON } from "../test/support/tool.ts";
import { until } from "../test/support/until.ts";
import { wallSettings } from "../test/support/walls.ts";

const TENANTS = ["alice", "bob"] as const;
type Tenant = (typeof TENANTS)[number];

const NOTES: Readonly<Record<Tenant, string>> = { alice: "buy milk", bob: "call alice" };

/** The command of the service on a machine without Python. */
const SUBSTITUTE = { command: process.execPath, args: [join(import.meta.dir, "demo-notes.ts")] };

let steps = 0;

function begin(title: string): void {
  console.log(`\n${++steps}. ${title}`);
}

function typed(command: string): void {
  console.log(`   $ ${command}`);
}

function printed(text: string): void {
  for (const line of text.trimEnd().split("\n")) console.log(`   ${line}`);
}

function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`Not as promised: ${promise}`);
  console.log(`   ok: ${promise}`);
}

async function command(ten: Ten, line: string): Promise<void> {
  typed(`ten ${line}`);
  printed(await ten.must(...line.split(" ")));
}

function urlOf(ten: Ten, tenant: Tenant): string {
  return `http://${tenant}.notes.localhost:${ten.port}/notes`;
}

async function readNotes(ten: Ten, tenant: Tenant): Promise<string[]> {
  typed(`curl ${urlOf(ten, tenant)}`);
  const reply = await ten.get(`${tenant}.notes.localhost`, "/notes");
  return textsOf(reply);
}

function textsOf(reply: Reply): string[] {
  printed(reply.text);
  return reply.json<{ text: string }[]>().map(({ text }) => text);
}

async function pidOf(ten: Ten, tenant: Tenant): Promise<number | null> {
  return (await ten.instance(`notes:${tenant}`))?.pid ?? null;
}

async function pidsOf(ten: Ten): Promise<(number | null)[]> {
  return await Promise.all(TENANTS.map((tenant) => pidOf(ten, tenant)));
}

/** False for a zombie. */
function isAlive(pid: number | null): boolean {
  return pid !== null && startTimeOf(pid) !== null;
}

async function writeNotes(ten: Ten): Promise<void> {
  begin("Each writes a note, at an address of its own");
  for (const tenant of TENANTS) {
    const body = JSON.stringify({ text: NOTES[tenant] });
    typed(`curl ${urlOf(ten, tenant)} -d '${body}'`);
    const reply = await ten.get(`${tenant}.notes.localhost`, "/notes", { method: "POST", body });
    printed(reply.text);
    check(reply.status === 201, `${tenant}'s note is kept`);
  }
}

async function compareNotes(ten: Ten): Promise<void> {
  begin("Each sees only its own");
  for (const tenant of TENANTS) {
    const notes = await readNotes(ten, tenant);
    check(notes.join() === NOTES[tenant], `${tenant} has one note, "${NOTES[tenant]}"`);
  }
  await command(ten, "ps");
}

async function sleepAndWake(ten: Ten): Promise<void> {
  begin("Alice goes to sleep, and a request wakes her");
  const pid = await pidOf(ten, "alice");
  check(isAlive(pid), `alice is process ${pid}`);
  await command(ten, "sleep notes:alice");
  check(!isAlive(pid), `process ${pid} is gone, and nothing runs for alice`);
  const startedAt = performance.now();
  const notes = await readNotes(ten, "alice");
  const tookMs = performance.now() - startedAt;
  check(
    notes.join() === NOTES.alice,
    `her note is still there, ${tookMs.toFixed(0)} ms after asking`,
  );
  await command(ten, "why notes:alice");
}

async function killServer(ten: Ten): Promise<void> {
  begin("The server is killed, and the tenants live on");
  const bob = await ten.instance("notes:bob");
  const pids = await pidsOf(ten);
  const { port } = ten;
  typed(`kill -9 ${ten.pid}`);
  await ten.kill9();
  check(pids.every(isAlive), `alice and bob still run, as processes ${pids.join(" and ")}`);
  typed(`curl http://${bob?.socket}/notes/0`);
  const orphan = await fetch(`http://${bob?.socket}/notes/0`);
  check(orphan.status === 404, "bob answers without a server, and logs it where nobody reads");

  begin("A new server takes them over");
  typed(`ten serve --port ${port}`);
  await ten.start({ port });
  check((await pidsOf(ten)).join() === pids.join(), "the same processes, no restart");
  for (const tenant of TENANTS) {
    const notes = await readNotes(ten, tenant);
    check(notes.join() === NOTES[tenant], `${tenant}'s note is there`);
  }
  const search = ["logs", "notes:bob", "--search", "/notes/0"];
  const line = await until("the log has what bob wrote meanwhile", async () => {
    return (await ten.must(...search)).trim() || null;
  });
  typed(`ten ${search.join(" ")}`);
  printed(line);
  check(line.includes("404"), "what bob wrote meanwhile is in the log");
}

async function finish(ten: Ten): Promise<void> {
  begin("The server is asked to stop");
  const pids = await pidsOf(ten);
  typed(`kill ${ten.pid}`);
  check((await ten.stop()) === 0, "it ends with 0");
  check(!pids.some(isAlive), "and no tenant is left");
}

async function abandon(starting: Promise<Ten>): Promise<void> {
  // A server that failed to start has been cleaned up already.
  await starting.then((ten) => ten[Symbol.asyncDispose]()).catch(() => undefined);
  process.exit(130);
}

async function demonstrate(): Promise<void> {
  begin("Build one executable");
  typed("npm run build");
  printed(await executable());

  if ("isolation" in wallSettings()) {
    printed('No walls can be built here, so its configuration says isolation = "process"');
  }
  const isPython = Bun.which(PYTHON.program) !== null;
  const application = isPython ? "examples/notes-python" : "the same in TypeScript, without Python";
  begin(`Serve an application that knows of one customer only: ${application}`);
  const starting = startTen({ example: "notes-python", service: isPython ? {} : SUBSTITUTE });
  process.once("SIGINT", () => void abandon(starting));
  await using ten = await starting;
  typed(`ten serve --port ${ten.port}`);
  printed(ten.output);

  begin("Two tenants, each with a process and a directory of its own");
  await command(ten, "spawn notes:alice notes:bob");
  await writeNotes(ten);
  await compareNotes(ten);
  await sleepAndWake(ten);
  await killServer(ten);
  await finish(ten);
}

try {
  await demonstrate();
  console.log("\nEverything was as promised.");
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
