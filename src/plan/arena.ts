/** Memory that is needed from one step to another, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where each of several buffers lies in one block of memory. */
export interface ArenaLayout {
  /** Bytes from the block's start, in the order of the buffers. */
  readonly offsets: readonly number[];
  /** Size of the block. */
  readonly bytes: number;
}

/** Buffers begin at a cache line. */
const ALIGNMENT = 64;

/**
 * Packs buffers into one block so that no two that are needed at a time overlap: the largest first, each at the lowest
 * place that is free for as long as it lives.
 */
export function layOutArena(buffers: readonly Lifetime[]): ArenaLayout {
  const offsets = buffers.map(() => 0);
  const placed: {readonly begin: number; readonly end: number; readonly buffer: Lifetime}[] = [];
  const largestFirst = buffers.map((_, i) => i).sort((a, b) => buffers[b].bytes - buffers[a].bytes || a - b);
  let bytes = 0;
  for (const i of largestFirst) {
    const buffer = buffers[i];
    const size = Math.ceil(buffer.bytes / ALIGNMENT) * ALIGNMENT;
    let begin = 0;
    for (const other of placed) {
      const together = other.buffer.first <= buffer.last && buffer.first <= other.buffer.last;
      if (!together || other.end <= begin) continue;
      if (other.begin >= begin + size) break;
      begin = other.end;
    }
    offsets[i] = begin;
    const at = placed.findIndex((other) => other.begin > begin);
    placed.splice(at < 0 ? placed.length : at, 0, {begin, end: begin + size, buffer});
    bytes = Math.max(bytes, begin + size);
  }
  return {offsets, bytes};
}
