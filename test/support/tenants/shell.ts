// A tenant that runs shell commands in its data directory on request, and answers with their output.
const { PORT, TENEMENT_DATA_DIR: home = "/" } = process.env;

function answer(request: Request): Response {
  const command = new URL(request.url).searchParams.get("command");
  if (command === null) return new Response("ready");
  const { stdout, stderr } = Bun.spawnSync(["sh", "-c", command], { cwd: home });
  return new Response(`${stdout}${stderr}`);
}

Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), fetch: answer, idleTimeout: 0 });
