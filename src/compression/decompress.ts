import {ArithmeticCoder} from './bitCoder';
import {NO_RECENT, codeByte, codeDistance, codeKind, codeLength, codeSource, kindsAfter, recentAfter} from './symbols';

class Reader extends ArithmeticCoder {
  private at = 0;
  private value = 0;

  constructor(private readonly bytes: Uint8Array) {
    super();
    for (let i = 0; i < 4; i++) this.shift();
  }

  protected choose(middle: number): number {
    return Number(this.value <= middle);
  }

  protected shift(): void {
    this.value = ((this.value << 8) | (this.bytes[this.at++] ?? 0)) >>> 0;
  }
}

/**
 * The first bytes of what `compress` packed.
 *
 * @param size how many; no more than were packed
 */
export function decompress(packed: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const reader = new Reader(packed);
  let recent = NO_RECENT;
  let kinds = 0;
  for (let at = 0; at < size;) {
    const previous = at ? bytes[at - 1] : 0;
    const copies = codeKind(reader, kinds, previous);
    if (copies) {
      const source = codeSource(reader, kinds);
      const length = codeLength(reader, source);
      const distance = source ? recent[source - 1] : codeDistance(reader, length);
      recent = recentAfter(recent, source, distance);
      for (const end = Math.min(at + length, size); at < end; at++) bytes[at] = bytes[at - distance];
    } else {
      bytes[at] = codeByte(reader, previous, kinds & 1 ? bytes[at - recent[0]] : undefined);
      at++;
    }
    kinds = kindsAfter(kinds, copies);
  }
  return bytes;
}
