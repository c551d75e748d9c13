// Renders the proxy's own answers: errors, and the page shown while an application starts.
import { fillPage } from "../../core/page-template.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import type { Refusal } from "../http/refusal.ts";

/** The form that the client can take. */
export interface PageForm {
  readonly html: boolean;
  /** HEAD: the head alone. */
  readonly bodiless: boolean;
  /** The value of the Connection header; null: none. */
  readonly connection: string | null;
  /** A page of the operator's own, in place of the built-in one. */
  readonly own: { readonly template: string; readonly addressee: Addressee } | null;
}

/** The subject of a request, where its address names one. */
export interface Addressee {
  readonly service: Service | null;
  readonly ref: InstanceRef | null;
}

/** A whole answer, head and body, as latin-1 text. */
export function renderRefusal(refusal: Refusal, form: PageForm): string {
  const { status, code, message, retryAfterMs } = refusal;
  const text = { title: `${status} ${reasonOf(status)}`, message };
  const body = form.html
    ? renderPage({ ...text, status }, form)
    : `${JSON.stringify({ error: message, code })}\n`;
  return renderAnswer({ status, body, retryAfterMs, form });
}

/** Shown to a browser while the application starts; the page reloads itself. */
export function renderWaitingPage(form: PageForm): string {
  const text = {
    title: "Starting",
    message: "This application is waking up. The page opens by itself in a moment.",
    status: 503,
  };
  const body = renderPage(text, form);
  const answer = { status: 503, body, retryAfterMs: 1000, form: { ...form, html: true } };
  return renderAnswer({ ...answer, refreshes: true });
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
  readonly form: PageForm;
  /** A browser asks again by itself. */
  readonly refreshes?: boolean;
}

function renderAnswer({ status, body, retryAfterMs, form, refreshes }: Answer): string {
  const type = form.html ? "text/html; charset=utf-8" : "application/json";
  return (
    `HTTP/1.1 ${status} ${reasonOf(status)}\r\n` +
    `Content-Type: ${type}\r\n` +
    `Content-Length: ${body.length}\r\n` +
    "Cache-Control: no-store\r\n" +
    (retryAfterMs === null
      ? ""
      : `Retry-After: ${Math.max(1, Math.ceil(retryAfterMs / 1000))}\r\n`) +
    (refreshes === true ? "Refresh: 1\r\n" : "") +
    (form.connection === null ? "" : `Connection: ${form.connection}\r\n`) +
    `\r\n${form.bodiless ? "" : body}`
  );
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

function reasonOf(status: number): string {
  return REASONS[status] ?? "Error";
}

const STYLE =
  ":root{color-scheme:light dark}" +
  "body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.1rem/1.5 system-ui,sans-serif}" +
  "main{padding:2rem;max-width:34rem;text-align:center}h1{font-size:1.5rem;font-weight:600;margin:0 0 .5rem}p{margin:0;opacity:.8}";

interface PageText {
  readonly title: string;
  readonly message: string;
  readonly status: number;
}

/** As latin-1 text, so that its length is its number of bytes. */
function renderPage(text: PageText, { own }: PageForm): string {
  if (own === null) return renderHtml(text);
  const { service, ref } = own.addressee;
  const { title, message, status } = text;
  const values = {
    title,
    message,
    status: String(status),
    service: service?.name ?? "",
    id: ref?.id ?? "",
  };
  return Buffer.from(fillPage(own.template, values)).toString("latin1");
}

/** ASCII only. */
function renderHtml({ title, message }: PageText): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
    `<meta name="viewport" content="width=device-width,initial-scale=1"><style>${STYLE}</style></head>` +
    `<body><main role="status"><h1>${title}</h1><p>${message}</p></main></body></html>\n`
  );
}
