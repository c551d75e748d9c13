// Errors of promises that no code waits for: faults of this program, which are reported and counted.

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
  process.on("unhandledRejection", onError);
  return { [Symbol.dispose]: () => process.off("unhandledRejection", onError) };
}
