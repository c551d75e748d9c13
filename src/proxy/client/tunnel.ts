// The state of a client connection after an upgrade: bytes pass as they come, and a slow side holds the other back.
import type { Socket } from "node:net";
import type { Clock } from "../../platform/clock.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { TunnelUser } from "../upstream/upstream-user.ts";
import type { ConnectionState } from "./connection-state.ts";

/** Silence of one side after the other has ended; longer than any orderly close takes. */
const SILENCE_MS_MAX = 10_000;

interface TunnelParts {
  readonly socket: Socket;
  readonly upstream: Upstream;
  readonly lease: Lease | null;
  readonly clock: Clock;
}

export class Tunnel implements ConnectionState, TunnelUser {
  readonly #socket: Socket;
  readonly #upstream: Upstream;
  readonly #lease: Lease | null;
  readonly #clock: Clock;
  #ends = 0;
  /** When a byte last came, or one side ended. */
  #movedAt: number;

  constructor({ socket, upstream, lease, clock }: TunnelParts) {
    this.#socket = socket;
    this.#upstream = upstream;
    this.#lease = lease;
    this.#clock = clock;
    this.#movedAt = clock.now();
    lease?.tunnel();
    upstream.tunnel(this);
    upstream.resume();
  }

  get heldBytes(): number {
    return this.#upstream.heldBytes;
  }

  onTenantBytes(bytes: Buffer): void {
    this.#move();
    if (!this.#socket.write(bytes) && this.#socket.writableLength > 0) this.#upstream.pause();
  }

  onTenantDrain(): void {
    this.#socket.resume();
  }

  onTenantEnd(): void {
    this.#socket.end();
    this.#countEnd();
  }

  onTenantClose(): void {
    this.#lease?.release();
    this.#socket.destroySoon();
  }

  onData(bytes: Buffer): void {
    this.#move();
    this.#upstream.bytes(bytes);
    this.#upstream.flush();
    if (this.#upstream.backlogged) this.#socket.pause();
  }

  onDrain(): void {
    this.#upstream.resume();
  }

  onEnd(): void {
    this.#upstream.shutdown();
    this.#countEnd();
  }

  onClose(): void {
    this.#upstream.destroy();
    this.#lease?.release();
  }

  /**
   * Cuts a tunnel of which one side has ended and the other is silent; the client still gets the bytes sent before. One
   * that both sides keep open may be idle.
   */
  sweep(now: number): void {
    const silentMs = now - this.#movedAt;
    if (this.#ends > 0 && silentMs >= SILENCE_MS_MAX) this.#cut();
    const idleMs = this.#lease?.tunnelIdleMs ?? 0;
    if (idleMs > 0 && silentMs >= idleMs) this.#lease?.idle();
  }

  #move(): void {
    this.#movedAt = this.#clock.now();
    this.#lease?.tunnel();
  }

  /** Ends the tunnel when both sides have sent all they had. */
  #countEnd(): void {
    this.#ends += 1;
    this.#movedAt = this.#clock.now();
    if (this.#ends === 2 && !this.#upstream.backlogged) this.#cut();
  }

  #cut(): void {
    this.#upstream.destroy();
    this.onTenantClose();
  }
}
