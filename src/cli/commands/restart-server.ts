// ten restart-server: replaces the server's process without a failed request.
import { defineCommand } from "../command.ts";

export const restartServer = defineCommand({
  meta: {
    description:
      "Replaces the server's process with a new one of the installed version, and waits until it serves. The new process takes over the listening address and the instances; no request fails. The old process ends with the last of its connections. If the new one can't start, the command prints why and the old one continues.",
    examples: ["restart-server"],
  },
  args: {},
  async run({ data: context }) {
    const answer = await context.client().call("restartServer");
    const { old, new: next } = answer;
    context.showResult(
      answer,
      `ten ${next.version} serves, pid ${next.pid}; it replaces ten ${old.version}, pid ${old.pid}`,
    );
  },
});
