// Listening sockets that a service manager opened, by the protocol of sd_listen_fds(3).

/** The first three are standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

/** The descriptors; null: none were given to this process. */
export function activatedDescriptors(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly number[] | null {
  const { LISTEN_PID: owner, LISTEN_FDS: count } = env;
  // Variables that an ancestor was given are nobody else's business.
  if (owner !== String(pid) || count === undefined || !/^[1-9]\d{0,3}$/.test(count)) return null;
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
}
