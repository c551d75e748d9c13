// Connects as another user of this host.
/** Whether a process of a user can connect. */
export async function reaches(uid: number, address: string, port: number): Promise<boolean> {
  const child = Bun.spawn(["bash", "-c", `exec 3<>/dev/tcp/${address}/${port}`], {
    uid,
    stdio: ["ignore", "ignore", "ignore"],
    cwd: "/",
  } as Bun.SpawnOptions.OptionsObject<"ignore", "ignore", "ignore">);
  return (await child.exited) === 0;
}
