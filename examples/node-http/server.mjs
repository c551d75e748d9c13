// A message board for one tenant: messages in a file, and a stream of server-sent events with new messages.
import { appendFile, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const { PORT, TENEMENT_DATA_DIR: directory = ".", TENEMENT_INSTANCE: tenant } = process.env;
const file = join(directory, "messages.jsonl");
const BODY_BYTES_MAX = 64 * 1024;

/** The open responses of the followers. */
const followers = new Set();

const server = createServer(async (request, response) => {
  try {
    await answer(request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) sendJson(response, 500, { error: "something went wrong" });
  }
});

async function answer(request, response) {
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      return sendJson(response, 200, { tenant, followers: followers.size });
    case "GET /health":
      return sendJson(response, 200, { status: "ok" });
    case "GET /messages":
      return sendJson(response, 200, await readMessages());
    case "POST /messages":
      return post(request, response);
    case "GET /events":
      return follow(response);
    default:
      return sendJson(response, 404, { error: "no such page" });
  }
}

async function post(request, response) {
  const text = await readBody(request);
  if (text === null) return sendJson(response, 413, { error: "too long" });
  if (text.trim() === "") return sendJson(response, 400, { error: "expected a text" });
  const message = { text, at: new Date().toISOString() };
  await appendFile(file, `${JSON.stringify(message)}\n`);
  for (const follower of followers) follower.write(`data: ${JSON.stringify(message)}\n\n`);
  console.log(`posted ${text.length} characters to ${followers.size} followers`);
  sendJson(response, 201, message);
}

function follow(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": following\n\n");
  followers.add(response);
  response.on("close", () => followers.delete(response));
}

async function readMessages() {
  const lines = await readFile(file, "utf8").catch((error) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** The body as text; null when it is too long. */
async function readBody(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

server.listen(Number(PORT), "127.0.0.1", () => console.log(`board of ${tenant} is ready`));

process.on("SIGTERM", () => {
  for (const follower of followers) follower.end();
  server.close(() => console.log("stopped"));
  server.closeIdleConnections();
});
