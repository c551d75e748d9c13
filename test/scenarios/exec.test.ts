// ten exec and ten shell with real tenants: the same surroundings, streams, exit codes, signals and ends.
import { expect, test } from "bun:test";
import { withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";

test("a command beside an application at level process", () =>
  withTen({ configText: appConfig("") }, async (ten) => {
    await ten.must("spawn", "app:a");
    console.log(await ten.run("exec", "app:a", "sh", "-c", "echo out; echo err >&2; env; exit 7"));
  }));
