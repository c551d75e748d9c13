// The loader that a dynamically linked program names for itself, read from its ELF header.

const MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_INTERP = 3;
/** Where the fields are, by the width of the format. */
const FORMAT_64 = { table: 32, entrySize: 54, entries: 56, offset: 8, size: 32 } as const;
const FORMAT_32 = { table: 28, entrySize: 42, entries: 44, offset: 4, size: 16 } as const;

export function isElf(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** Null: the program is linked statically, or the bytes are no beginning of one. */
export function loaderIn(bytes: Uint8Array): string | null {
  if (!isElf(bytes) || bytes[5] !== LITTLE_ENDIAN) return null;
  try {
    return readLoader(
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      bytes[4] === CLASS_64,
    );
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Throws RangeError where the bytes end too early. */
function readLoader(view: DataView, is64: boolean): string | null {
  const format = is64 ? FORMAT_64 : FORMAT_32;
  const word = (at: number) =>
    is64 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  const entries = view.getUint16(format.entries, true);
  for (let index = 0; index < entries; index += 1) {
    const at = word(format.table) + index * view.getUint16(format.entrySize, true);
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const start = view.byteOffset + word(at + format.offset);
    const path = new Uint8Array(view.buffer, start, word(at + format.size));
    return new TextDecoder().decode(path).replace(/\0.*$/s, "");
  }
  return null;
}
