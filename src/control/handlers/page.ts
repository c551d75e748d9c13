// Handlers of the public paths: the health check and the page.
import type { Call } from "../call.ts";

export function getServerHealth(): { status: "ok" } {
  return { status: "ok" };
}

export function showPage({ world }: Call): Response {
  return new Response(renderPage(world.version), {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

function renderPage(version: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ten</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1.5rem; }
</style>
</head>
<body>
<main>
<h1>ten ${version}</h1>
<p>The server is running. Each instance answers at an address of its own, <code>id.service.domain</code>.</p>
<p>Operators: <code>ten ps</code> on the server lists the instances, <code>ten --help</code> the commands.</p>
</main>
</body>
</html>
`;
}
