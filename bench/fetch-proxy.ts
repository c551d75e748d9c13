// A baseline for bench/proxy.ts, and a rejected design: a proxy of `Bun.serve` and `fetch`.
const [port, upstream] = process.argv.slice(2);

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  idleTimeout: 0,
  fetch(request) {
    const { pathname, search } = new URL(request.url);
    return fetch(`http://127.0.0.1:${upstream}${pathname}${search}`, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      decompress: false,
      proxy: false,
    } as unknown as RequestInit);
  },
});
