// Renders the proxy's own answers: errors, and the page shown while an application starts.
import type { Refusal } from "../http/refusal.ts";

/** The form that the client can take. */
export interface PageForm {
  readonly html: boolean;
  /** HEAD: the head alone. */
  readonly bodiless: boolean;
  /** The value of the Connection header; null: none. */
  readonly connection: string | null;
}

/** A whole answer, head and body, as latin-1 text. */
export function renderRefusal(refusal: Refusal, form: PageForm): string {
  const { status, code, message, retryAfterMs } = refusal;
  const body = form.html
    ? renderHtml({ title: `${status} ${reasonOf(status)}`, message, head: "" })
    : `${JSON.stringify({ error: message, code })}\n`;
  return renderAnswer({ status, body, retryAfterMs, form });
}

/** Shown to a browser while the application starts; the page reloads itself. */
export function renderWaitingPage(form: PageForm): string {
  const body = renderHtml({
    title: "Starting",
    message: "This application is waking up. The page opens by itself in a moment.",
    head: '<meta http-equiv="refresh" content="1">',
  });
  return renderAnswer({ status: 503, body, retryAfterMs: 1000, form: { ...form, html: true } });
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
  readonly form: PageForm;
}

function renderAnswer({ status, body, retryAfterMs, form }: Answer): string {
  const type = form.html ? "text/html; charset=utf-8" : "application/json";
  return (
    `HTTP/1.1 ${status} ${reasonOf(status)}\r\n` +
    `Content-Type: ${type}\r\n` +
    `Content-Length: ${body.length}\r\n` +
    "Cache-Control: no-store\r\n" +
    (retryAfterMs === null
      ? ""
      : `Retry-After: ${Math.max(1, Math.ceil(retryAfterMs / 1000))}\r\n`) +
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

/** ASCII only, so that its length is its number of bytes. */
function renderHtml({
  title,
  message,
  head,
}: {
  title: string;
  message: string;
  head: string;
}): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
    `<meta name="viewport" content="width=device-width,initial-scale=1">${head}<style>${STYLE}</style></head>` +
    `<body><main role="status"><h1>${title}</h1><p>${message}</p></main></body></html>\n`
  );
}
