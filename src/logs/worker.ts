// Entry point of the log worker, a separate thread: a flood of lines must not slow the proxy.
import { parentPort } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import type { LogReply, LogRequest } from "./log-messages.ts";
import { LogPipeline } from "./log-pipeline.ts";

assert(parentPort !== null, "the log worker runs in a worker thread");
const port = parentPort;
const send = (reply: LogReply) => port.postMessage(reply);
let pipeline: LogPipeline | null = null;

port.on("message", (request: LogRequest) => {
  if (request.kind === "open") {
    if (request.pauseMs > 0) Bun.sleepSync(request.pauseMs);
    pipeline = new LogPipeline({
      options: request.options,
      counters: new Float64Array(request.counters),
      send,
    });
    send({ kind: "opened" });
    return;
  }
  assert(pipeline !== null, "the log worker is told to open first");
  pipeline.handle(request);
});
