// Comparisons of absolute paths, by whole segments.

/** Whether a path is a directory or lies below it. */
export function isUnder(path: string, directory: string): boolean {
  const prefix = directory.endsWith("/") ? directory : `${directory}/`;
  return path === directory || path.startsWith(prefix);
}

/** The number of segments; 0 for the root directory. */
export function depthOf(path: string): number {
  return path.split("/").filter((name) => name !== "").length;
}
