// Only the build calls this: dist/ has decompress.ts alone.
import {ArithmeticCoder, type BitCoder, bounded} from './bitCoder';
import {
  NO_RECENT,
  type Recent,
  codeByte,
  codeDistance,
  codeKind,
  codeLength,
  codeSource,
  kindsAfter,
  recentAfter,
} from './symbols';

/** Adds the next byte (length 1, no distance), or copies bytes from so far back: a recent distance (from 1) or another (0). */
interface Step {
  readonly length: number;
  readonly distance?: number;
  readonly source: number;
}

const BYTE_STEP: Step = {length: 1, source: 0};
/** Each round knows from the one before what a step costs. */
const ROUNDS = 3;
/** Longer copies are tried in full only, to save time. */
const SHORT_COPY = 80;
const LONGEST_COPY = 1000;
/** Earlier places that are compared for a copy. */
const TRIES = 4000;

/** Packs bytes, to a size near that of LZMA. Takes its time, and more than in proportion to their number. */
export function compress(bytes: Uint8Array): Uint8Array {
  const copies = findCopies(bytes);
  let writer = new Writer();
  for (let round = 0; round < ROUNDS; round++) {
    const steps = cheapestSteps(bytes, copies, writer.probabilities);
    writer = new Writer();
    writeSteps(writer, bytes, steps);
  }
  return writer.finish();
}

class Writer extends ArithmeticCoder {
  private readonly written: number[] = [];

  protected choose(_middle: number, wanted: number): number {
    return wanted;
  }

  protected shift(byte: number): void {
    this.written.push(byte);
  }

  /** All bytes; the reader takes those that are missing as 0. */
  finish(): Uint8Array {
    // The first byte of a number inside the interval, for low and high begin with different ones.
    const last = this.low === 0 ? [] : [(this.low >>> 24) + 1];
    return Uint8Array.from([...this.written, ...last]);
  }
}

/** Adds up what bits cost at given probabilities. */
class Scale implements BitCoder {
  private sum = 0;

  constructor(private readonly probabilities: Float64Array) {}

  bit(context: number, wanted = 0): number {
    const probability = bounded(this.probabilities[context]);
    this.sum -= Math.log2(wanted ? probability : 1 - probability);
    return wanted;
  }

  weigh(code: (coder: BitCoder) => void): number {
    this.sum = 0;
    code(this);
    return this.sum;
  }
}

function writeSteps(writer: Writer, bytes: Uint8Array, steps: readonly Step[]): void {
  let recent = NO_RECENT;
  let kinds = 0;
  let at = 0;
  for (const {length, distance, source} of steps) {
    codeKind(writer, kinds, previousByte(bytes, at), Number(distance !== undefined));
    if (distance === undefined) {
      codeByte(writer, previousByte(bytes, at), expectedByte(bytes, at, kinds, recent), bytes[at]);
    } else {
      codeSource(writer, kinds, source);
      codeLength(writer, source, length);
      if (!source) codeDistance(writer, length, distance);
      recent = recentAfter(recent, source, distance);
    }
    kinds = kindsAfter(kinds, Number(distance !== undefined));
    at += length;
  }
}

/** The cheapest way to `bytes[0..at)`, as far as the recent distances on the way there do not matter later. */
interface Way {
  readonly cost: number;
  readonly from: number;
  readonly step: Step;
  readonly recent: Recent;
  readonly kinds: number;
}

function cheapestSteps(bytes: Uint8Array, copies: readonly Step[][], probabilities: Float64Array): Step[] {
  const scale = new Scale(probabilities);
  const lengthCost = remembered((source, length) => scale.weigh((coder) => codeLength(coder, source, length)));
  const distanceCost = remembered((length, distance) => scale.weigh((coder) => codeDistance(coder, length, distance)));
  const ways: Way[] = [{cost: 0, from: 0, step: BYTE_STEP, recent: NO_RECENT, kinds: 0}];
  for (let at = 0; at < bytes.length; at++) {
    const {cost, recent, kinds} = ways[at];
    const previous = previousByte(bytes, at);
    const offer = (step: Step, price: number, nextRecent: Recent, copied: number) => {
      const to = at + step.length;
      if (ways[to] && ways[to].cost <= cost + price) return;
      ways[to] = {cost: cost + price, from: at, step, recent: nextRecent, kinds: kindsAfter(kinds, copied)};
    };
    const byteCost = scale.weigh((coder) => {
      codeKind(coder, kinds, previous, 0);
      codeByte(coder, previous, expectedByte(bytes, at, kinds, recent), bytes[at]);
    });
    offer(BYTE_STEP, byteCost, recent, 0);
    const kindCost = scale.weigh((coder) => codeKind(coder, kinds, previous, 1));
    const offerCopies = (source: number, distance: number, shortest: number, longest: number) => {
      const sourceCost = kindCost + scale.weigh((coder) => codeSource(coder, kinds, source));
      const nextRecent = recentAfter(recent, source, distance);
      for (let length = shortest; length <= longest; length++) {
        if (length > SHORT_COPY) length = longest;
        const price = sourceCost + lengthCost(Number(source > 0), length);
        const far = source ? 0 : distanceCost(Math.min(length, SHORT_COPY), distance);
        offer({length, distance, source}, price + far, nextRecent, 1);
      }
    };
    recent.forEach((distance, i) => offerCopies(i + 1, distance, 1, alike(bytes, at, distance)));
    let shortest = 2;
    for (const {length, distance} of copies[at]) {
      offerCopies(0, distance!, shortest, length);
      shortest = length + 1;
    }
  }
  const steps: Step[] = [];
  for (let at = bytes.length; at > 0; at = ways[at].from) steps.push(ways[at].step);
  return steps.reverse();
}

/** For each place the copies that end later than any nearer one does. */
function findCopies(bytes: Uint8Array): Step[][] {
  const latest = new Map<number, number>(); // place of each pair of bytes
  const earlier = new Int32Array(bytes.length).fill(-1); // place of the same pair before
  return Array.from(bytes, (byte, at) => {
    const found: Step[] = [];
    if (at + 1 === bytes.length) return found;
    const pair = byte * 256 + bytes[at + 1];
    earlier[at] = latest.get(pair) ?? -1;
    latest.set(pair, at);
    const longest = Math.min(LONGEST_COPY, bytes.length - at);
    let best = 1;
    for (
      let from = earlier[at], tries = TRIES;
      from >= 0 && tries > 0 && best < longest;
      from = earlier[from], tries--
    ) {
      if (bytes[from + best] !== bytes[at + best]) continue;
      const length = alike(bytes, at, at - from);
      if (length <= best) continue;
      found.push({length, distance: at - from, source: 0});
      best = length;
    }
    return found;
  });
}

/** How many bytes from `at` on are as those so far back. */
function alike(bytes: Uint8Array, at: number, distance: number): number {
  let length = 0;
  const longest = distance > at ? 0 : Math.min(LONGEST_COPY, bytes.length - at);
  while (length < longest && bytes[at + length] === bytes[at + length - distance]) length++;
  return length;
}

function previousByte(bytes: Uint8Array, at: number): number {
  return at ? bytes[at - 1] : 0;
}

function expectedByte(bytes: Uint8Array, at: number, kinds: number, recent: Recent): number | undefined {
  return kinds & 1 ? bytes[at - recent[0]] : undefined;
}

function remembered(of: (a: number, b: number) => number): (a: number, b: number) => number {
  const known = new Map<number, number>();
  return (a, b) => {
    const key = b * 256 + a;
    const value = known.get(key) ?? of(a, b);
    known.set(key, value);
    return value;
  };
}
