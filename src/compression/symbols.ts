// What the packed bytes say, in bits: steps that each add a byte or copy earlier ones (as LZMA does it). Reader and writer
// call the same functions: these return what is read, and take it where it is written.
import type {BitCoder} from './bitCoder';

/** Distances of the latest copies, the newest first: a copy from one of them costs few bits. */
export type Recent = readonly number[];
export const NO_RECENT: Recent = [1, 1, 1, 1];

// Contexts. A number takes 1024: its width of 5 bits, and 32 for each width.
const NUMBER = 1024;
const KIND = 0;
const BYTE = 1024;
const SOURCE = BYTE + 8 * 3 * 256;
const NUMBERS = SOURCE + 1024;
const LENGTH = NUMBERS;
const DISTANCE = NUMBERS + 2 * NUMBER;
const DISTANCE_CLASSES = 5;
export const CONTEXTS = DISTANCE + DISTANCE_CLASSES * NUMBER;

/** Whether a step copies. `kinds` says by one bit each whether the last two did, the newest in the lowest bit. */
export function codeKind(coder: BitCoder, kinds: number, previous: number, copies?: number): number {
  return coder.bit(KIND + previous * 4 + kinds, copies);
}

/** A byte. `expected`, known after a copy, would have gone on with it: the byte is likely to differ, in few bits. */
export function codeByte(coder: BitCoder, previous: number, expected: number | undefined, byte = 0): number {
  const table = BYTE + (previous >> 5) * 3 * 256;
  let alike = expected !== undefined;
  let node = 1;
  for (let i = 7; i >= 0; i--) {
    const expectedBit = ((expected ?? 0) >> i) & 1;
    const bit = coder.bit(table + (alike ? 1 + expectedBit : 0) * 256 + node, (byte >> i) & 1);
    alike &&= bit === expectedBit;
    node = node * 2 + bit;
  }
  return node - 256;
}

/** Which of the recent distances a copy has, from 1; 0 for another one. */
export function codeSource(coder: BitCoder, kinds: number, source = 0): number {
  if (!coder.bit(SOURCE + kinds, Number(source > 0))) return 0;
  let index = 1;
  while (index < NO_RECENT.length && coder.bit(SOURCE + 4 + index, Number(source > index))) index++;
  return index;
}

/** How many bytes a copy has. */
export function codeLength(coder: BitCoder, source: number, length?: number): number {
  return codeNumber(coder, LENGTH + (source ? NUMBER : 0), length);
}

/** How far back a copy begins: far ones are worth it only if they are long. */
export function codeDistance(coder: BitCoder, length: number, distance?: number): number {
  return codeNumber(coder, DISTANCE + (Math.min(length, DISTANCE_CLASSES) - 1) * NUMBER, distance);
}

/** The kinds after a step that copies, or does not. */
export function kindsAfter(kinds: number, copies: number): number {
  return (kinds * 2 + copies) & 3;
}

/** The recent distances after a copy. */
export function recentAfter(recent: Recent, source: number, distance: number): Recent {
  const dropped = source ? source - 1 : recent.length - 1;
  return [distance, ...recent.slice(0, dropped), ...recent.slice(dropped + 1)];
}

/** A number from 1: the place of its highest bit, then those below it, of which the first three depend on each other. */
function codeNumber(coder: BitCoder, contexts: number, number = 1): number {
  const highest = 31 - Math.clz32(number);
  let node = 1;
  for (let i = 4; i >= 0; i--) node = node * 2 + coder.bit(contexts + node, (highest >> i) & 1);
  const width = node - 32;
  const table = contexts + 32 + width * 32;
  let value = 1;
  for (let i = width - 1; i >= 0; i--) {
    value = value * 2 + coder.bit(table + (value < 8 ? value : 8 + i), (number >> i) & 1);
  }
  return value;
}
