// When a client last took or sent anything: a client that stands still is cut, and the one that did longest goes first.
import type { Socket } from "node:net";
import { descriptorOf } from "../../platform/kernel/descriptors.ts";
import { acknowledgedBytes } from "../../platform/kernel/tcp-info.ts";

/** As nginx: time enough for a bad network; then a dead client no longer holds an answer, and its tenant awake. */
const STALL_MS_MAX = 60_000;

export class Progress {
  readonly #socket: Socket;
  #taken = 0;
  #takenAt: number;
  #sent = 0;
  #sentAt: number;

  constructor(socket: Socket, now: number) {
    this.#socket = socket;
    this.#takenAt = now;
    this.#sentAt = now;
  }

  observe(now: number): void {
    const { bytesRead, writableLength } = this.#socket;
    if (bytesRead !== this.#sent) {
      this.#sent = bytesRead;
      this.#sentAt = now;
    }
    // The system reports the bytes that a slow client takes before there is room for another write.
    const taken = writableLength === 0 ? null : (acknowledged(this.#socket) ?? -writableLength);
    if (taken === this.#taken) return;
    this.#taken = taken ?? 0;
    this.#takenAt = now;
  }

  /** Bytes have waited for the client, and it has taken none, for too long. */
  isStalled(now: number): boolean {
    return this.#isTaking && now - this.#takenAt >= STALL_MS_MAX;
  }

  /** Since when the client has taken nothing or, where nothing waits for it, sent nothing. */
  get stillSince(): number {
    return this.#isTaking ? this.#takenAt : this.#sentAt;
  }

  get #isTaking(): boolean {
    return this.#socket.writableLength > 0;
  }
}

function acknowledged(socket: Socket): number | null {
  const descriptor = descriptorOf(socket);
  return descriptor === null ? null : acknowledgedBytes(descriptor);
}
