import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../../src/config/config.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-pages-"));
  file = join(directory, "tenement.toml");
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(join(directory, name, ".."), { recursive: true });
  writeFileSync(join(directory, name), text);
}

async function pagesOf(service: string) {
  return (await loadConfig(file)).services.get(service)?.pages?.templates;
}

test("a service has the pages of its own directory, or of that of the settings", async () => {
  write("all/waiting.html", "wait");
  write("all/error.html", "error");
  write("own/error.html", "own error");
  const services = '[service.a]\ncommand = "a"\n[service.b]\ncommand = "b"\npages = "own"\n';
  write("tenement.toml", `[settings]\npages = "all"\n${services}`);
  expect(await pagesOf("a")).toEqual({ waiting: "wait", error: "error" });
  expect(await pagesOf("b")).toEqual({ error: "own error" });
  write("tenement.toml", services);
  expect(await pagesOf("a")).toBeUndefined();
});

test.each([
  ["none", "", "has none of waiting.html, asleep.html, error.html"],
  ["pages", "{{titel}}", "error.html: expected one of {{title}} {{message}}"],
  ["pages", "x".repeat(256 * 1024 + 1), "error.html: expected at most 256 KiB, it has 257"],
])("refuses a directory %p", async (name, text, problem) => {
  write("pages/error.html", text);
  write("tenement.toml", `[service.a]\ncommand = "a"\npages = "${name}"\n`);
  const error = await loadConfig(file).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("service.a.pages: ");
  expect(String(error)).toContain(problem);
});
