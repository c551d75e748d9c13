// Errors that no code catches: faults of this program, which are reported and counted.

/** Of promises, and of callbacks such as those of timers. */
const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

export interface UnhandledErrors {
  readonly report: (error: unknown) => void;
  readonly count: () => void;
}

/** Without a handler such an error could end the process, and no request of any tenant would be answered. */
export function watchUnhandledErrors({ count, report }: UnhandledErrors): Disposable {
  const onError = (error: unknown) => {
    count();
    report(error);
  };
  for (const event of EVENTS) process.on(event, onError);
  return {
    [Symbol.dispose]() {
      for (const event of EVENTS) process.off(event, onError);
    },
  };
}
