// The account of a walled tenant: its user name, its directory for sockets, its lines in /etc/passwd and /etc/group.

/** The same for all: no tenant sees another one's, and a label of an instance need not be a valid user name. */
export const ACCOUNT_NAME = "tenant";
/** In the instance's own /tmp. Short, since the path of a socket has room for 107 bytes. */
export const RUNTIME_DIR = "/tmp/run";

export interface Account {
  readonly user: number;
  readonly group: number;
  /** The instance's data directory. */
  readonly home: string;
}

export const ACCOUNT_FILES = ["passwd", "group"] as const;
export type AccountFile = (typeof ACCOUNT_FILES)[number];

/** The host's file with the tenant's line before all others: rootless, the host has a line for its user as well. */
export function addAccount(file: AccountFile, hostText: string, account: Account): string {
  return `${file === "passwd" ? userLine(account) : groupLine(account)}\n${hostText}`;
}

/** A directory that /etc/passwd could not hold is left out. */
export function userLine({ group, home, user }: Account): string {
  const directory = /[:\n]/.test(home) ? "/" : home;
  return `${ACCOUNT_NAME}:x:${user}:${group}:Tenant:${directory}:/bin/sh`;
}

export function groupLine({ group }: Account): string {
  return `${ACCOUNT_NAME}:x:${group}:`;
}

/** The variables by which programs find the account. */
export const ACCOUNT_ENV: Readonly<Record<string, string>> = {
  USER: ACCOUNT_NAME,
  LOGNAME: ACCOUNT_NAME,
  XDG_RUNTIME_DIR: RUNTIME_DIR,
};
