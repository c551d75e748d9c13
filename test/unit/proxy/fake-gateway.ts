// A gateway whose processes, waiters and leases the tests control.

import type { Endpoint } from "../../../src/core/endpoint.ts";
import type { Templates } from "../../../src/core/page-template.ts";
import { formatRef, type InstanceRef, parseRef } from "../../../src/core/ref.ts";
import type { Target } from "../../../src/core/routing.ts";
import type { Service } from "../../../src/core/service.ts";
import type { Gateway, Lease, Patience } from "../../../src/supervisor/gateway.ts";

export interface FakeLease extends Lease {
  readonly state: { released: boolean; tunneled: boolean; idle?: boolean };
}

interface Waiter {
  readonly ref: InstanceRef;
  readonly patience: Patience;
  readonly lease: PromiseWithResolvers<Lease>;
}

/** Every request is for `notes:alice`, unless `target` says otherwise. */
export class FakeGateway implements Gateway {
  target: Target = { kind: "instance", ref: parseRef("notes:alice") };
  requestTimeoutMs = 0;
  tunnelIdleMs = 0;
  waitingPage = false;
  templates: Templates = {};
  readonly decided: { hostname: string; path: string }[] = [];
  readonly leases: FakeLease[] = [];
  readonly running = new Map<string, { endpoint: Endpoint; launch: number }>();
  /** Whether the process that refused a connection lives. */
  isAlive = true;
  /** The instances whose processes were looked at. */
  readonly asked: string[] = [];
  /** Instances that run and have no room. */
  readonly full = new Set<string>();
  /** In the order in which a pick takes them. */
  candidates: string[] = [];
  #waiters: Waiter[] = [];
  #wakeHook: (() => void)[] = [];

  decide(request: { hostname: string; path: string }): Target {
    this.decided.push(request);
    this.#notify();
    return this.target;
  }

  service(name: string): Service {
    const { requestTimeoutMs, templates, waitingPage } = this;
    const pages = { directory: "/pages", templates };
    return { name, pages, requestTimeoutMs, waitingPage } as Service;
  }

  pick(_service: string, passedOver: ReadonlySet<string>): InstanceRef | null {
    const key = this.candidates.find((candidate) => !passedOver.has(candidate));
    return key === undefined ? null : parseRef(key);
  }

  lease(ref: InstanceRef): Lease | null {
    if (this.isFull(ref)) return null;
    const child = this.running.get(formatRef(ref));
    return child === undefined ? null : this.#open(ref, child);
  }

  isFull(ref: InstanceRef): boolean {
    return this.full.has(formatRef(ref));
  }

  wake(ref: InstanceRef, patience: Patience): Promise<Lease> {
    const running = this.running.get(formatRef(ref));
    if (running !== undefined && !this.isFull(ref))
      return Promise.resolve(this.#open(ref, running));
    const waiter = { ref, patience, lease: Promise.withResolvers<Lease>() };
    patience.signal.addEventListener("abort", () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.lease.reject(patience.signal.reason);
      this.#notify();
    });
    this.#waiters.push(waiter);
    this.#notify();
    return waiter.lease.promise;
  }

  async isRunning(ref: InstanceRef): Promise<boolean> {
    this.asked.push(ref.id);
    this.#notify();
    return this.isAlive;
  }

  get waiters(): readonly Waiter[] {
    return this.#waiters;
  }

  get openLeases(): number {
    return this.leases.filter(({ state }) => !state.released).length;
  }

  run(key: string, endpoint: Endpoint, launch = 1): void {
    this.running.set(key, { endpoint, launch });
    for (const { ref, lease } of this.#waiters.splice(0)) {
      lease.resolve(this.#open(ref, { endpoint, launch }));
    }
  }

  refuse(error: Error): void {
    for (const { lease } of this.#waiters.splice(0)) lease.reject(error);
  }

  /** Resolves once the condition holds; it is asked whenever the queue or a lease changes. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wakeHook.push(resolve));
  }

  #open(ref: InstanceRef, child: { endpoint: Endpoint; launch: number }): FakeLease {
    const state: FakeLease["state"] = { released: false, tunneled: false };
    const openLeases = () => this.openLeases;
    const lease: FakeLease = {
      ref,
      get open() {
        return openLeases();
      },
      ...child,
      state,
      tunnelIdleMs: this.tunnelIdleMs,
      tunnel: () => {
        state.tunneled = true;
        if (state.idle === true) state.idle = false;
        this.#notify();
      },
      idle: () => {
        state.idle = true;
        this.#notify();
      },
      release: () => {
        state.released = true;
        this.#notify();
      },
    };
    this.leases.push(lease);
    this.#notify();
    return lease;
  }

  #notify(): void {
    for (const resolve of this.#wakeHook.splice(0)) resolve();
  }
}
