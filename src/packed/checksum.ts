/**
 * MurmurHash3 (x86, 32 bits; Austin Appleby, public domain). Each step is a bijection of what came before and of the
 * word: a change within four aligned bytes never goes unnoticed, any other with a chance of 2^-32.
 */
export function checksum(bytes: Uint8Array): number {
  const {length} = bytes;
  const words = length >> 2;
  // Four bytes at a time: model files have megabytes.
  const aligned = bytes.byteOffset % 4 ? bytes.slice() : bytes;
  const ints = new Int32Array(aligned.buffer, aligned.byteOffset, words);
  let hash = 0;
  for (let i = 0; i < words; i++) {
    hash ^= scramble(ints[i]);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = length - 1; i >= 4 * words; i--) tail = (tail << 8) | bytes[i];
  hash ^= scramble(tail) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}
