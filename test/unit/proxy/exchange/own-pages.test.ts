import { expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { ProxyWorld } from "../proxy-world.ts";

const BROWSER = "GET / HTTP/1.1\r\nHost: alice.notes.localhost\r\nAccept: text/html\r\n";
const NAVIGATION = `${BROWSER}Sec-Fetch-Mode: navigate\r\n\r\n`;
const PAGES = {
  waiting: "<p>wärten {{service}}:{{id}}</p>",
  asleep: "<p>closed {{title}}</p>",
  error: "<p>error {{status}} {{message}}</p>",
};

/** What a browser is shown when an instance can't be woken for that reason. */
async function shownFor(code: "INSTANCE_UNAVAILABLE" | "START_FAILED", pages = PAGES) {
  await using world = await ProxyWorld.open({ asleep: true });
  world.gateway.templates = pages;
  const browser = await world.client();
  browser.send(NAVIGATION);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.gateway.refuse(new TenError(code, "secret"));
  return { head: await browser.head(), body: await browser.take("</p>") };
}

test("a browser is shown the operator's own page while an instance starts", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  world.gateway.waitingPage = true;
  world.gateway.templates = PAGES;
  const browser = await world.client();
  browser.send(NAVIGATION);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.clock.move(1200);
  const head = await browser.head();
  expect(head).toStartWith("HTTP/1.1 503 ");
  expect(head).toContain("\r\nRefresh: 1\r\n");
  const body = Buffer.from("<p>wärten notes:alice</p>");
  expect(head).toContain(`\r\nContent-Length: ${body.length}\r\n`);
  expect(Buffer.from(await browser.take("</p>"), "latin1")).toEqual(body);
});

test("a browser is shown the operator's own page for an instance that only an operator starts", async () => {
  const { body, head } = await shownFor("INSTANCE_UNAVAILABLE");
  expect(head).toStartWith("HTTP/1.1 503 ");
  expect(body).toBe("<p>closed 503 Service Unavailable</p>");
});

test("a browser is shown the operator's own page for an error, without its details", async () => {
  const { body, head } = await shownFor("START_FAILED");
  expect(head).toStartWith("HTTP/1.1 503 ");
  expect(body).toBe("<p>error 503 The application could not be started</p>");
});

test("programs get JSON, whatever pages there are", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  world.gateway.templates = PAGES;
  const program = await world.client();
  program.send("GET / HTTP/1.1\r\nHost: alice.notes.localhost\r\n\r\n");
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.gateway.refuse(new TenError("START_FAILED", "secret"));
  expect(await program.head()).toContain("\r\nContent-Type: application/json\r\n");
});
