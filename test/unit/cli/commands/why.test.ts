import { expect, test } from "bun:test";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("why prints the facts of the story", async () => {
  const now = Date.now();
  api.world.administration.stories.set("notes:alice", {
    openRequests: 1,
    openTunnels: 2,
    lastWake: {
      at: now,
      by: "a request from 203.0.113.7",
      queuedMs: 0,
      launchMs: 4,
      readyMs: 1500,
    },
    lastExit: { at: now, reason: "idle" },
  });
  const { out } = await ten("why", "notes:alice");
  expect(out).toStartWith("notes:alice is running for 1m5s\n");
  expect(out).toContain("by a request from 203.0.113.7\n");
  expect(out).toContain("waiting for its turn 0 ms, launching 4 ms, getting ready 1.5 s\n");
  expect(out).toContain("1 open, 2 WebSockets or tunnels\n");
  expect(out).toContain("ago: idle\n");
});
