// The proxy's own answers in place of a tenant's: refusals, and the page shown while an application starts.
import type { Refusal } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import { connectionValue } from "./answer-writer.ts";
import type { Disposition, ExchangeClient } from "./exchange-client.ts";
import { type PageForm, renderRefusal, renderWaitingPage } from "./pages.ts";

export interface OwnAnswer {
  readonly status: number;
  readonly render: (form: PageForm) => string;
}

export const WAITING_PAGE: OwnAnswer = { status: 503, render: renderWaitingPage };

export function refusalAnswer(refusal: Refusal): OwnAnswer {
  return { status: refusal.status, render: (form) => renderRefusal(refusal, form) };
}

/** @param requestDone all of the request has been read; its rest would look like another request */
export function writeOwnAnswer(
  { render }: OwnAnswer,
  {
    head,
    client,
    requestDone,
  }: { head: RequestHead; client: ExchangeClient; requestDone: boolean },
): Disposition {
  const keeps = head.keepAlive && requestDone && client.staysOpen;
  const connection = connectionValue(head, keeps);
  client.text(render({ html: head.acceptsHtml, bodiless: head.method === "HEAD", connection }));
  return keeps ? "keep" : "close";
}
