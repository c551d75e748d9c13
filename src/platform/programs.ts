// Finds installed programs: on the server's PATH, and in the system's own directories.

/** An ordinary user's PATH often lacks the directories of administrators' programs; a service's may lack them all. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The full path of a program; null when it is not installed. */
export function findProgram(name: string, path = process.env["PATH"] ?? ""): string | null {
  return Bun.which(name, { PATH: `${path}:${SYSTEM_PATH}` });
}

/** Throws an Error that names the program when it is not installed. */
export function requireProgram(name: string): string {
  const program = findProgram(name);
  if (program === null) throw new Error(`${name} is not installed`);
  return program;
}
