// A headless Chromium, driven by its DevTools protocol over one WebSocket.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

type Fields = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Fields;
  readonly sessionId?: string;
}

/** Long enough for a loaded machine: reaching it means that the thing never happens. */
const PATIENCE_MS = 30_000;

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
  "--remote-debugging-port=0",
  "--remote-allow-origins=*",
  // Nothing but this machine can be reached.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
];

export class Browser implements AsyncDisposable {
  readonly #program: Subprocess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, PromiseWithResolvers<Fields>>();
  readonly #listeners = new Set<(message: Message) => void>();
  #lastId = 0;

  private constructor(parts: { program: Subprocess; profile: string; socket: WebSocket }) {
    this.#program = parts.program;
    this.#profile = parts.profile;
    this.#socket = parts.socket;
    this.#socket.onmessage = ({ data }) => this.#accept(JSON.parse(String(data)));
    this.#socket.onclose = () => {
      for (const { reject } of this.#calls.values()) reject(new Error("The browser has gone"));
    };
  }

  static async open(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), "ten-browser-"));
    const program = Bun.spawn(["chromium", ...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    try {
      const socket = await connect(await readAddress(program.stderr));
      return new Browser({ program, profile, socket });
    } catch (error) {
      await end(program, profile);
      throw error;
    }
  }

  async newPage(): Promise<Page> {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    await page.enable();
    return page;
  }

  /** Calls a method of the protocol; rejects with the browser's own message, or after 30 s without an answer. */
  async call(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<Fields>();
    this.#calls.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return await orImpatience(answer.promise, () => `The browser did not answer ${method}`);
  }

  listen(listener: (message: Message) => void): void {
    this.#listeners.add(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#program, this.#profile);
  }

  #accept(message: Message): void {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result ?? {});
    else call?.reject(new Error(message.error.message));
  }
}

/** A document at one moment. */
export interface Snapshot {
  readonly title: string;
  readonly text: string;
  readonly url: string;
  /** Of the text, as CSS computes it. */
  readonly color: string;
}

const SNAPSHOT = `document.readyState !== "complete" ? null : {
  title: document.title,
  text: document.body.innerText,
  url: location.href,
  color: getComputedStyle(document.body).color,
}`;

export class Page {
  readonly #browser: Browser;
  readonly #session: string;
  readonly #statuses: number[] = [];
  #loaded = Promise.withResolvers<void>();

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
    browser.listen(({ method, params, sessionId }) => {
      if (sessionId !== session) return;
      if (method === "Network.responseReceived") this.#note(params);
      if (method !== "Page.loadEventFired") return;
      this.#loaded.resolve();
      this.#loaded = Promise.withResolvers();
    });
  }

  /** The status of each document that was shown, oldest first. */
  get statuses(): readonly number[] {
    return this.#statuses;
  }

  async enable(): Promise<void> {
    await this.#call("Page.enable");
    await this.#call("Network.enable");
  }

  /** Starts a navigation, and does not wait for its end. */
  async open(url: string): Promise<void> {
    await this.#call("Page.navigate", { url });
  }

  /** What a loaded document with this title shows, however many come before it; throws after 30 s without one. */
  async untilTitle(title: string): Promise<Snapshot> {
    let seen: Snapshot | null = null;
    const describe = () =>
      `No document called "${title}" after those of status ${this.#statuses.join()}; there is ${JSON.stringify(seen)}`;
    for (;;) {
      const loaded = this.#loaded.promise;
      // While a document gives way to the next there is nobody to ask.
      seen = await this.#look().catch(() => null);
      if (seen?.title === title) return seen;
      await orImpatience(loaded, describe);
    }
  }

  async setColorScheme(scheme: "dark" | "light"): Promise<void> {
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.#call("Emulation.setEmulatedMedia", { features });
  }

  /** Writes a PNG. */
  async screenshot(file: string): Promise<void> {
    const { data } = await this.#call("Page.captureScreenshot", { format: "png" });
    writeFileSync(file, Buffer.from(String(data), "base64"));
  }

  /** Null: it is still loading. */
  async #look(): Promise<Snapshot | null> {
    const answer = await this.#call("Runtime.evaluate", {
      expression: SNAPSHOT,
      returnByValue: true,
    });
    return (answer["result"] as { value: Snapshot | null }).value;
  }

  #note(params: Fields | undefined): void {
    const response = params?.["response"] as { status: number } | undefined;
    if (params?.["type"] === "Document" && response !== undefined) {
      this.#statuses.push(response.status);
    }
  }

  #call(method: string, params: Fields = {}): Promise<Fields> {
    return this.#browser.call(method, params, this.#session);
  }
}

async function orImpatience<Value>(
  promise: Promise<Value>,
  describe: () => string,
): Promise<Value> {
  const impatience = Promise.withResolvers<never>();
  const timer = setTimeout(() => impatience.reject(new Error(describe())), PATIENCE_MS);
  try {
    return await Promise.race([promise, impatience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function end(program: Subprocess, profile: string): Promise<void> {
  // A group of its own: helpers included.
  process.kill(-program.pid, "SIGKILL");
  await program.exited;
  rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

async function connect(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => resolve();
  socket.onerror = () => reject(new Error("Cannot connect to the browser"));
  await promise;
  return socket;
}

/** The browser prints where it listens; what else it says is read, so that it never waits for a reader. */
function readAddress(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = async () => {
    let text = "";
    for await (const chunk of stderr) {
      text = (text + Buffer.from(chunk).toString()).slice(-10_000);
      const address = /listening on (ws:\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    }
    reject(new Error(`The browser did not start:\n${text}`));
  };
  void read();
  return promise;
}
