// The state of a client connection after an upgrade: bytes pass as they come, and a slow side holds the other back.
import type { Socket } from "node:net";
import type { Lease } from "../../supervisor/gateway.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { TunnelUser } from "../upstream/upstream-user.ts";
import type { ConnectionState } from "./connection-state.ts";

export class Tunnel implements ConnectionState, TunnelUser {
  readonly #socket: Socket;
  readonly #upstream: Upstream;
  readonly #lease: Lease | null;
  #ends = 0;

  constructor(socket: Socket, upstream: Upstream, lease: Lease | null) {
    this.#socket = socket;
    this.#upstream = upstream;
    this.#lease = lease;
    lease?.tunnel();
    upstream.tunnel(this);
    upstream.resume();
  }

  get heldBytes(): number {
    return this.#upstream.heldBytes;
  }

  onTenantBytes(bytes: Buffer): void {
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

  /** Ends the tunnel when both sides have sent all they had. */
  #countEnd(): void {
    this.#ends += 1;
    if (this.#ends < 2 || this.#upstream.backlogged) return;
    this.#upstream.destroy();
    this.onTenantClose();
  }
}
