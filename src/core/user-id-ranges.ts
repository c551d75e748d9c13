// The ranges of user ids that walled instances get.

export interface UserIdRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The first range that the server's user namespace has is used. Above 16 bits, and below the ids that Debian gives to
 * the containers of ordinary users, no distribution assigns any. The second range is for containers of 16 bits, and of
 * earlier versions: systemd's for the users of services with `DynamicUser=`.
 */
export const USER_ID_RANGES: readonly [UserIdRange, UserIdRange] = [
  { first: 65_536, last: 99_999 },
  { first: 61_184, last: 65_519 },
];

/** Whether a user is one of a walled instance. */
export function isWalledUser(id: number): boolean {
  return USER_ID_RANGES.some(({ first, last }) => id >= first && id <= last);
}

/** The users of the host, as far as new ids are concerned. */
export interface HostUsers {
  readonly range: UserIdRange;
  /** Whether an account or a process has the id. */
  isInUse(id: number): boolean;
}
