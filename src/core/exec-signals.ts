// The signals that a client passes on to its command in an instance.

/** Ctrl-C of a terminal in raw mode is no signal, but a byte. */
export const EXEC_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
export type ExecSignal = (typeof EXEC_SIGNALS)[number];
