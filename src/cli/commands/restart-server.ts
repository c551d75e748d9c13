// ten restart-server: lets a new process follow the server's.
import { defineCommand } from "../command.ts";

export const restartServer = defineCommand({
  meta: {
    description:
      "Lets a new process follow the server's, in whatever version is installed now, and waits until it serves. It takes over the listening address and the instances; no request fails. The former process ends with the last of its connections. When the new one can't start, it says why and the present one goes on.",
    examples: ["restart-server"],
  },
  args: {},
  async run({ data: context }) {
    const answer = await context.client().call("restartServer");
    const { old, new: next } = answer;
    context.showResult(
      answer,
      `ten ${next.version} serves, pid ${next.pid}; it follows ten ${old.version}, pid ${old.pid}`,
    );
  },
});
