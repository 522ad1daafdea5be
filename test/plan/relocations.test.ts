import fc from 'fast-check';
import {findRelocations} from '../../src/plan';
import {symbolicAddress} from '../../src/runtime';

const SEGMENTS = 40;

/** A word of a program: a number, or an address so many bytes behind a segment's start. */
type Word = {readonly value: number} | {readonly segment: number; readonly offset: number};

const word: fc.Arbitrary<Word> = fc.oneof(
  fc.record({value: fc.integer()}),
  fc.record({segment: fc.nat({max: SEGMENTS - 1}), offset: fc.integer({min: -64, max: 2 ** 28})}),
);

function recordingOf(words: readonly Word[], recording: 0 | 1): Int32Array {
  return Int32Array.from(words, (w) => ('value' in w ? w.value : symbolicAddress(w.segment, recording) + w.offset) | 0);
}

describe('the addresses of a program', () => {
  it('are found exactly, with their segment and their offset', () => {
    fc.assert(
      fc.property(fc.array(word, {maxLength: 200}), (words) => {
        const {
          words: found,
          segments,
          offsets,
        } = findRelocations(recordingOf(words, 0), recordingOf(words, 1), symbolicAddress, SEGMENTS);
        const expected = words.flatMap((w, i) => ('value' in w ? [] : [[i, w.segment, w.offset]]));
        expect(Array.from(found, (at, i) => [at, segments[i], offsets[i]])).toEqual(expected);
      }),
    );
  });

  it('are as many as there are: numbers that look like addresses are none', () => {
    const words = [symbolicAddress(3, 0), symbolicAddress(3, 1), 0, -1].map((value) => ({value}));
    const found = findRelocations(recordingOf(words, 0), recordingOf(words, 1), symbolicAddress, SEGMENTS);
    expect(found.words).toHaveLength(0);
  });

  it('differ for every segment, by other than 0', () => {
    const differences = Array.from({length: 5000}, (_, i) => symbolicAddress(i, 1) - symbolicAddress(i, 0));
    expect(new Set([0, ...differences]).size).toBe(5001);
  });

  it('are not to be had from recordings of two programs', () => {
    const compare = (first: number[], second: number[]) => () =>
      findRelocations(Int32Array.from(first), Int32Array.from(second), symbolicAddress, SEGMENTS);
    expect(compare([1, 2], [1, 2, 3])).toThrow('differ in length');
    expect(compare([1, 2], [1, 3])).toThrow('differ beyond its addresses');
    expect(compare([7], [7 - 64])).toThrow('differ beyond its addresses');
    const beyond = recordingOf([{segment: SEGMENTS, offset: 0}], 1);
    expect(compare([symbolicAddress(SEGMENTS, 0)], [...beyond])).toThrow('differ beyond its addresses');
  });
});
