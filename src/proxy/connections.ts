// Limits the connections of clients: counts them, also by address, refuses the surplus, cuts slow and large ones.
import type { Socket } from "node:net";
import type { ConnectionFate } from "../metrics/statistics.ts";
import { Connection } from "./client/connection.ts";
import type { ProxyContext } from "./exchange/proxy-context.ts";
import { type AddressKey, addressKeyOf } from "./http/address-key.ts";
import type { Peer } from "./http/forwarded.ts";
import { NO_ROOM, TOO_MANY_CONNECTIONS } from "./http/refusal.ts";

/** Refused clients are read from for a moment, so that they get their answer; under an attack most of them don't. */
const REFUSED_MAX = 64;

/** Connections that are closed at a time, as a part of those that are idle: to find the oldest ones takes a while. */
const ROOM_SHARE = 64;

/** A new client has that long to send its request, however many others come. */
const IDLE_MS_MIN = 1000;

/** After a cut, so much of the limit on buffers is free: one cut in many counts is enough. */
const BUFFER_SLACK = 1 / 8;

export class Connections {
  readonly #context: ProxyContext;
  readonly #onEmpty: () => void;
  readonly #all = new Set<Connection>();
  readonly #byAddress = new Map<AddressKey, number>();
  #refused = 0;
  #heldBytes = 0;
  #countsSoon = false;

  constructor(context: ProxyContext, onEmpty: () => void) {
    this.#context = context;
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Serves a client, or refuses it. */
  admit(socket: Socket, peer: Peer): void {
    const key = addressKeyOf(peer);
    const count = this.#byAddress.get(key) ?? 0;
    if (key !== null && count >= this.#context.limits.perAddress)
      this.#refuse(socket, peer, "address");
    else if (
      !peer.relays &&
      this.size >= this.#context.limits.connections &&
      this.makeRoom() === 0
    ) {
      this.#refuse(socket, peer, "limit");
    } else {
      if (key !== null) this.#byAddress.set(key, count + 1);
      this.#open(socket, peer, () => this.#leave(key));
    }
  }

  limitRequests(left: "one" | "none"): void {
    for (const connection of this.#all) connection.limitRequests(left);
  }

  destroy(): void {
    for (const connection of this.#all) connection.destroy();
  }

  sweep(now: number): void {
    for (const connection of this.#all) {
      connection.sweep(now);
      if (connection.isStalled(now)) this.#cut(connection, "stalled");
    }
    this.#boundBuffers();
  }

  /** Closes some of the connections without a request, those that have been so for longest; returns how many. */
  makeRoom(): number {
    const latest = this.#context.clock.now() - IDLE_MS_MIN;
    const idle = [...this.#all].flatMap((connection) => {
      const { idleSince } = connection;
      return idleSince === null || idleSince > latest ? [] : [{ connection, idleSince }];
    });
    idle.sort((one, other) => one.idleSince - other.idleSince);
    const closed = idle.slice(0, Math.ceil(idle.length / ROOM_SHARE));
    for (const { connection } of closed) {
      this.#context.observeConnection("idle");
      connection.destroy();
    }
    return closed.length;
  }

  #open(socket: Socket, peer: Peer, onLeave: () => void): Connection {
    const connection = new Connection({
      socket,
      peer,
      context: this.#context,
      onHold: (bytes) => this.#onHold(bytes),
      onClose: () => {
        this.#all.delete(connection);
        onLeave();
        if (this.size === 0) this.#onEmpty();
      },
    });
    this.#all.add(connection);
    return connection;
  }

  #leave(key: AddressKey): void {
    const count = (this.#byAddress.get(key) ?? 0) - 1;
    if (count > 0) this.#byAddress.set(key, count);
    else this.#byAddress.delete(key);
  }

  #refuse(socket: Socket, peer: Peer, reason: "address" | "limit"): void {
    this.#context.observeConnection(reason);
    if (this.#refused >= REFUSED_MAX) {
      socket.destroy();
      return;
    }
    this.#refused += 1;
    const connection = this.#open(socket, peer, () => {
      this.#refused -= 1;
    });
    connection.refuse(reason === "address" ? TOO_MANY_CONNECTIONS : NO_ROOM);
  }

  #cut(connection: Connection, fate: ConnectionFate): void {
    this.#context.observeConnection(fate);
    connection.cut();
  }

  /** A connection holds more than before. */
  #onHold(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#countsSoon || this.#heldBytes <= this.#context.limits.bufferBytes) return;
    this.#countsSoon = true;
    setImmediate(() => {
      this.#countsSoon = false;
      this.#boundBuffers();
    });
  }

  /** Counts the bytes that all connections hold; where they are too many, cuts the connections stalled longest. */
  #boundBuffers(): void {
    const holders = [...this.#all].filter(({ heldBytes }) => heldBytes > 0);
    this.#heldBytes = holders.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    const { bufferBytes } = this.#context.limits;
    if (this.#heldBytes <= bufferBytes) return;
    holders.sort((one, other) => one.stillSince - other.stillSince);
    for (const connection of holders) {
      if (this.#heldBytes <= bufferBytes * (1 - BUFFER_SLACK)) break;
      this.#heldBytes -= connection.heldBytes;
      this.#cut(connection, "buffers");
    }
  }
}
