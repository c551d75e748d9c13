// Entry point of the log worker: a thread of its own, so that no flood of lines slows the proxy.
import { parentPort } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { LogEngine } from "./log-engine.ts";
import type { LogReply, LogRequest } from "./log-messages.ts";

assert(parentPort !== null, "the log worker runs in a worker thread");
const port = parentPort;
const send = (reply: LogReply) => port.postMessage(reply);
let engine: LogEngine | null = null;

port.on("message", (request: LogRequest) => {
  if (request.kind === "open") {
    engine = new LogEngine({
      options: request.options,
      counters: new Float64Array(request.counters),
      send,
    });
    send({ kind: "opened" });
    return;
  }
  assert(engine !== null, "the log worker is told to open first");
  engine.handle(request);
});
