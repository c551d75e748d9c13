// The archive for a kernel's first file system: cpio in the form "newc" (cpio(5), initramfs buffer format).

export interface ArchiveEntry {
  /** Without a leading slash. */
  readonly name: string;
  readonly kind: "file" | "program" | "directory";
  readonly content: Uint8Array;
}

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
const MODES = { file: 0o100_400, program: 0o100_755, directory: 0o040_755 } as const;
const ALIGNMENT = 4;

/** An uncompressed archive, owned by root; several may follow each other in one image. */
export function renderArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts = entries.flatMap((entry, index) => renderEntry(entry, index + 1));
  const end = renderEntry({ name: TRAILER, kind: "file", content: new Uint8Array() }, 0);
  return concat([...parts, ...end]);
}

function renderEntry({ name, kind, content }: ArchiveEntry, inode: number): Uint8Array[] {
  const path = new TextEncoder().encode(`${name}\0`);
  const fields = [inode, MODES[kind], 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length, 0];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return [padded(concat([new TextEncoder().encode(header), path])), padded(content)];
}

function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT);
  result.set(bytes);
  return result;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
