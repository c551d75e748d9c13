// The tenant of the benchmarks: answers with twelve bytes, or with as many as the query says.
const HELLO = "Hello, world";

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  fetch: ({ url }) => {
    const query = url.indexOf("?");
    return new Response(query < 0 ? HELLO : "x".repeat(Number(url.slice(query + 1))));
  },
});
