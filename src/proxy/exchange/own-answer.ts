// The proxy's own answers in place of a tenant's: refusals, and the page shown while an application starts.
import type { PageName } from "../../core/page-template.ts";
import type { Refusal } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import { connectionValue } from "./answer-writer.ts";
import type { Disposition, ExchangeClient } from "./exchange-client.ts";
import { type Addressee, type PageForm, renderRefusal, renderWaitingPage } from "./pages.ts";

export interface OwnAnswer {
  readonly status: number;
  /** The page of the operator's own that takes its place in a browser. */
  readonly page: PageName;
  readonly render: (form: PageForm) => string;
}

export const WAITING_PAGE: OwnAnswer = { status: 503, page: "waiting", render: renderWaitingPage };

export function refusalAnswer(refusal: Refusal): OwnAnswer {
  return {
    status: refusal.status,
    page: refusal.code === "INSTANCE_UNAVAILABLE" ? "asleep" : "error",
    render: (form) => renderRefusal(refusal, form),
  };
}

export interface AnsweredRequest {
  readonly head: RequestHead;
  readonly client: ExchangeClient;
  /** All of the request has been read; its rest would look like another request. */
  readonly requestDone: boolean;
  readonly addressee: Addressee;
}

export function writeOwnAnswer(
  { page, render }: OwnAnswer,
  { head, client, requestDone, addressee }: AnsweredRequest,
): Disposition {
  const keeps = head.keepAlive && requestDone && client.staysOpen;
  const connection = connectionValue(head, keeps);
  const template = head.acceptsHtml ? (addressee.service?.pages?.templates[page] ?? null) : null;
  const own = template === null ? null : { template, addressee };
  client.text(
    render({ html: head.acceptsHtml, bodiless: head.method === "HEAD", connection, own }),
  );
  return keeps ? "keep" : "close";
}
