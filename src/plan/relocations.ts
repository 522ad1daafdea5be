/** Words of a program that are addresses: word `words[i]` is `offsets[i]` bytes behind the start of `segments[i]`. */
export interface Relocations {
  readonly words: Int32Array;
  readonly segments: Int32Array;
  readonly offsets: Int32Array;
}

/**
 * Finds the addresses in a program by comparing two recordings of it, in which every segment has another address: numbers
 * that are no addresses are the same in both.
 *
 * @param addressOf the address of a segment's start in the first (0) and the second (1) recording; the differences are
 *     those of consecutive segments, one `step` apart
 * @param count of segments
 * @throws Error if the recordings differ in another way: they are not of the same program.
 */
export function findRelocations(
  first: Int32Array,
  second: Int32Array,
  addressOf: (segment: number, recording: 0 | 1) => number,
  count: number,
): Relocations {
  if (first.length !== second.length) throw new Error('two recordings of a program differ in length');
  const bySegment = new Map<number, number>();
  for (let segment = 0; segment < count; segment++) {
    bySegment.set((addressOf(segment, 1) - addressOf(segment, 0)) | 0, segment);
  }
  const words: number[] = [];
  const segments: number[] = [];
  const offsets: number[] = [];
  for (let i = 0; i < first.length; i++) {
    const difference = (second[i] - first[i]) | 0;
    if (difference === 0) continue;
    const segment = bySegment.get(difference);
    if (segment === undefined) throw new Error('two recordings of a program differ beyond its addresses');
    words.push(i);
    segments.push(segment);
    offsets.push((first[i] - addressOf(segment, 0)) | 0);
  }
  return {words: Int32Array.from(words), segments: Int32Array.from(segments), offsets: Int32Array.from(offsets)};
}
