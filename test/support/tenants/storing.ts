// A tenant that writes, lists, reads and deletes files of its directory on request.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const { PORT, TENEMENT_DATA_DIR: home = "" } = process.env;
const MIB = 1024 ** 2;

/** Writes and flushes a file; returns the error code if that fails. */
function write(name: string, mebibytes: number): string {
  try {
    writeFileSync(`${home}/${name}`, Buffer.alloc(mebibytes * MIB, name), { flush: true });
    return "written";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "?";
  }
}

function answer(request: Request): Response {
  const { pathname, searchParams } = new URL(request.url);
  const name = searchParams.get("name") ?? "";
  switch (pathname) {
    case "/write":
      return new Response(write(name, Number(searchParams.get("mib"))));
    case "/list":
      return Response.json(readdirSync(home).sort());
    case "/read":
      return new Response(readFileSync(`${home}/${name}`).subarray(0, 100));
    case "/delete":
      rmSync(`${home}/${name}`);
      return new Response("deleted");
    default:
      return new Response(`${process.pid}`);
  }
}

Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), fetch: answer });
