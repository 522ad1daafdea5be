import {repetition, sameShape} from '../../src/backend/broadcast';

describe('repetition', () => {
  it.each([
    [[2, 3, 4], [], {images: 1, repeats: 24, row: 1}],
    [[2, 3, 4], [1, 1], {images: 1, repeats: 24, row: 1}],
    [[2, 3, 4], [4], {images: 1, repeats: 6, row: 4}],
    [[2, 3, 4], [1, 3, 4], {images: 1, repeats: 2, row: 12}],
    [[2, 3, 4], [2, 1, 4], {images: 2, repeats: 3, row: 4}],
    [[2, 3, 4], [2, 3, 1], {images: 6, repeats: 4, row: 1}],
    [[2, 3, 4, 5], [2, 1, 1, 5], {images: 2, repeats: 12, row: 5}],
    [[2, 1, 4], [2, 1, 4], {images: 1, repeats: 1, row: 8}],
    [[1, 3, 4], [3, 4], {images: 1, repeats: 1, row: 12}],
    [[3, 1, 4, 1], [1, 1, 4, 1], {images: 1, repeats: 3, row: 4}],
    [[], [], {images: 1, repeats: 1, row: 1}],
  ])('to %j of %j is %j', (shape, small, expected) => {
    expect(repetition(shape, small)).toEqual(expected);
  });

  it.each([
    [
      [2, 3, 4],
      [1, 3, 1],
    ],
    [
      [2, 3, 4, 5],
      [2, 1, 4, 1],
    ],
    [[2, 3], [2]],
    [[3], [1, 3]],
    [[3], [0]],
  ])('to %j of %j there is none', (shape, small) => {
    expect(repetition(shape, small)).toBeNull();
  });
});

it('shapes are the same if all their dimensions are', () => {
  expect(sameShape([], [])).toBe(true);
  expect(sameShape([2, 3], [2, 3])).toBe(true);
  expect(sameShape([2, 3], [2, 4])).toBe(false);
  expect(sameShape([2, 3], [1, 2, 3])).toBe(false);
});
