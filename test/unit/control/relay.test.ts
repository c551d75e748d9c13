import { expect, test } from "bun:test";
import { relay } from "../../../src/control/relay.ts";
import { openPlace } from "../../support/place.ts";

test("relay() keeps method, path, query and body of a request whose Host no URL can have", async () => {
  const place = openPlace({});
  const [from, to] = [`${place.root}/from.sock`, `${place.root}/to.sock`];
  const next = Bun.serve({
    unix: to,
    fetch: async ({ method, url, body }) =>
      new Response(`${method} ${url.slice(url.indexOf("/x"))} ${await new Response(body).text()}`),
  });
  const previous = Bun.serve({ unix: from, fetch: (request) => relay(request, to) });
  const answer = await fetch("http://localhost/x%2f?a=b", {
    method: "POST",
    headers: { Host: "a%b" },
    body: "hi",
    unix: from,
  });
  expect(await answer.text()).toBe("POST /x%2f?a=b hi");
  await Promise.all([previous.stop(true), next.stop(true)]);
  place.remove();
});
