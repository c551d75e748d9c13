// Procfiles and Dockerfiles: the command that ten init proposes.
import { describe, expect, test } from "bun:test";
import { proposeFor } from "../../../../src/config/projects/families.ts";
import { project } from "../project-tree.ts";
import { check, type Expected, type Tree } from "./rows.ts";

describe("platforms", () => {
  test.each<[Tree, string, Expected?]>([
    [
      { Procfile: "web: gunicorn app:app -b 0.0.0.0:$PORT --log-file -\n" },
      "gunicorn app:app -b 127.0.0.1:{port} --log-file -",
    ],
    [
      { Procfile: `web: gunicorn app:app -b :$${"{PORT:-8000}"}`, ".venv/bin/gunicorn": "" },
      ".venv/bin/gunicorn app:app -b :{port}",
    ],
    [
      { Procfile: "release: ./migrate\nweb: A=1 ./serve $PORT", "app.py": "", serve: "" },
      "./serve {port}",
      { env: { A: "1" } },
    ],
    [
      { Procfile: "web: npm start", "package.json": '{"scripts":{"start":"node a.js"}}' },
      "node a.js",
    ],
    [{ Procfile: "worker: ./work", "app.py": "" }, "python3 app.py"],
    [{ Procfile: "web: vendor/bin/serve", "app.py": "" }, "python3 app.py"],
    [
      {
        Dockerfile:
          'FROM x AS a\nCMD ["no"]\nFROM y\nWORKDIR /app\nEXPOSE 8000\nCMD ["/app/serve", "--bind", "0.0.0.0:8000"]',
        serve: "",
      },
      "./serve --bind 127.0.0.1:{port}",
    ],
    [
      {
        Dockerfile: 'FROM y\nEXPOSE 80/tcp\nENTRYPOINT ["python3"]\nCMD ["serve.py", "-p", "80"]\n',
        "serve.py": "",
      },
      "python3 serve.py -p {port}",
    ],
    [
      { Dockerfile: "FROM y\nCMD exec ./serve \\\n  --port $PORT\n", serve: "" },
      "./serve --port {port}",
    ],
  ])("%j: %p", (...[tree, command, expected]) => check(tree, command, expected));

  test("a Procfile's release command and other processes are remarks", () => {
    const remarks = proposeFor(
      project({ Procfile: "release: ./migrate x\nweb: ./serve\nclock: ./clock", serve: "" }),
    )?.remarks;
    expect(remarks?.[0]).toEndWith("for example: ./migrate x");
    expect(remarks?.[1]).toBe("Only web is started, not clock.");
  });

  test("a Dockerfile whose command names files of the image says nothing", () => {
    for (const command of [
      '["/opt/x/run"]',
      '["python3", "dist/main.py"]',
      '["not-installed"]',
      "[broken",
      "/opt/run && x",
    ])
      expect(proposeFor(project({ Dockerfile: `FROM x\nCMD ${command}` }))).toBe(null);
  });
});
