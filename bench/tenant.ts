// The tenant of the benchmarks: answers every request with twelve bytes.
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  fetch: () => new Response("Hello, world"),
});
