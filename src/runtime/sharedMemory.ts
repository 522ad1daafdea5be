// Turns a WebAssembly module on a memory of its own into one on a shared memory: one bit, and a maximum, in its binary.

/** Pages of 64 KiB in 4 GiB: the most that a 32-bit memory can declare. */
const MAXIMUM_PAGES = 65536;

const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;
const IMPORTS_OF = {function: 0, table: 1, memory: 2, global: 3};
const HAS_MAXIMUM = 1;
const SHARED = 2;
const MEMORY_64 = 4;

/** Whether a memory may be used by several threads. */
export function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}

/**
 * A module whose memory, its own or an imported one, is declared shared. Code does not change: the instructions are the
 * same on both.
 *
 * @param binary of a module with one memory of 32 bits
 * @throws Error if it is no such module
 */
export function withSharedMemory(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new Reader(binary);
  if (binary.length < 8 || reader.u32le() !== 0x6d736100) throw new Error('not a WebAssembly binary');
  reader.at = 8;
  while (reader.at < binary.length) {
    const sizeAt = reader.at + 1;
    const id = reader.byte();
    const size = reader.leb();
    const begin = reader.at;
    const limitsAt = id === MEMORY_SECTION ? memoryLimits(reader) : id === IMPORT_SECTION ? importLimits(reader) : -1;
    if (limitsAt >= 0) {
      reader.at = limitsAt;
      const limits = sharedLimits(reader);
      const body = concat([binary.subarray(begin, limitsAt), limits, binary.subarray(reader.at, begin + size)]);
      return concat([binary.subarray(0, sizeAt), leb(body.length), body, binary.subarray(begin + size)]);
    }
    reader.at = begin + size;
  }
  throw new Error('the WebAssembly binary has no memory');
}

/** Offset of the limits of a module's own memory. */
function memoryLimits(reader: Reader): number {
  if (reader.leb() !== 1) throw new Error('the WebAssembly binary has not one memory');
  return reader.at;
}

/** Offset of the limits of an imported memory; -1 if none is imported. */
function importLimits(reader: Reader): number {
  for (let left = reader.leb(); left > 0; left--) {
    reader.skipName();
    reader.skipName();
    const kind = reader.byte();
    if (kind === IMPORTS_OF.memory) return reader.at;
    if (kind === IMPORTS_OF.function) reader.leb();
    else if (kind === IMPORTS_OF.global) reader.at += 2;
    else if (kind === IMPORTS_OF.table) {
      reader.at++;
      readLimits(reader);
    } else throw new Error(`the WebAssembly binary imports something of unknown kind ${kind}`);
  }
  return -1;
}

function readLimits(reader: Reader): {flags: number; minimum: number; maximum: number} {
  const flags = reader.byte();
  const minimum = reader.leb();
  return {flags, minimum, maximum: flags & HAS_MAXIMUM ? reader.leb() : MAXIMUM_PAGES};
}

function sharedLimits(reader: Reader): Uint8Array {
  const {flags, minimum, maximum} = readLimits(reader);
  if (flags & MEMORY_64) throw new Error('the WebAssembly binary has a memory of 64 bits');
  return concat([Uint8Array.of(HAS_MAXIMUM | SHARED), leb(minimum), leb(maximum)]);
}

class Reader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error('the WebAssembly binary ends early');
    return this.bytes[this.at++];
  }

  u32le(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24);
  }

  leb(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (!(byte & 0x80)) return value;
    }
    throw new Error('the WebAssembly binary has a number that is too long');
  }

  skipName(): void {
    const length = this.leb();
    this.at += length;
  }
}

function leb(value: number): Uint8Array {
  const bytes = [];
  do {
    const rest = Math.floor(value / 128);
    bytes.push((value % 128) | (rest ? 0x80 : 0));
    value = rest;
  } while (value);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, {length}) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
