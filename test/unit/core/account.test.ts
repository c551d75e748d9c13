import { describe, expect, test } from "bun:test";
import { addAccount, RUNTIME_DIR } from "../../../src/core/account.ts";

const ALICE = { user: 65_536, group: 65_537, home: "/data/notes/alice" };
const HOST = "root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/sh\n";

describe("the account of a tenant", () => {
  test("is one line more, before those of the host", () => {
    expect(addAccount("passwd", HOST, ALICE)).toBe(
      `tenant:x:65536:65537:Tenant:/data/notes/alice:/bin/sh\n${HOST}`,
    );
    expect(addAccount("group", "root:x:0:\n", ALICE)).toBe("tenant:x:65537:\nroot:x:0:\n");
  });

  test.each(["/da:ta/notes/alice", "/data\nroot::0:0::/:/bin/sh"])(
    "has a line of seven fields whatever its home is: %j",
    (home) => {
      const added = addAccount("passwd", "", { ...ALICE, home });
      expect(added).toBe("tenant:x:65536:65537:Tenant:/:/bin/sh\n");
    },
  );

  test("has a runtime directory that leaves room for the names of sockets", () => {
    expect(RUNTIME_DIR.length).toBeLessThan(20);
  });
});
