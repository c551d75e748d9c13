import { expect, test } from "bun:test";
import { checkPage, fillPage } from "../../../src/core/page-template.ts";

const VALUES = { title: "Starting", message: "Wait", status: "503", service: "notes", id: "alice" };

test("fills placeholders, and leaves the braces of style sheets and scripts", () => {
  const page = "<style>b{color:red}</style>{{title}} {{ service }}:{{id}} {{toString}} {{a}}";
  expect(fillPage(page, VALUES)).toBe(
    "<style>b{color:red}</style>Starting notes:alice {{toString}} {{a}}",
  );
});

test("a value opens no tag, no attribute and no placeholder", () => {
  const message = `<script>"'&{{title}}`;
  expect(fillPage("{{message}}", { ...VALUES, message })).toBe(
    "&#60;script&#62;&#34;&#39;&#38;{{title}}",
  );
});

test.each([
  "<h1>{{title}}</h1><p>{{message}} ({{status}})</p>",
  '<img src="data:image/png;base64,AAAA"><a href="https://status.example.com">Status</a>',
  "<style>body{background:url(data:image/svg+xml,x)} a{fill:url(#b)}</style>",
])("finds nothing wrong in %s", (page) => {
  expect(checkPage(page)).toEqual([]);
});

test.each([
  ["{{titel}}", ['"{{titel}}"', 'did you mean "title"']],
  ['<img alt="" src="logo.png">', ['it loads "logo.png"']],
  ["<script src=/app.js></script>", ['it loads "/app.js"']],
  ['<link rel="stylesheet" href="https://cdn.example.com/a.css">', ["it loads"]],
  ["<style>body{background:url('a.png')}</style>", ['it loads "a.png"']],
])("finds what is wrong in %s", (page, parts) => {
  const problems = checkPage(page);
  expect(problems).toHaveLength(1);
  for (const part of parts) expect(problems[0]).toContain(part);
});
