// The same tenant for Node.
import { createServer } from "node:http";

createServer((_, response) => response.end("Hello, world")).listen(
  Number(process.env.PORT),
  "127.0.0.1",
);
