import fc from 'fast-check';
import {allocate, type RatePoint} from '../../src/pruning';

type Curves = readonly (readonly RatePoint[])[];

const AS_IT_IS = {lost: 0, saved: 0};
const sum = (curves: Curves, chosen: readonly number[], key: keyof RatePoint) =>
  chosen.reduce((total, index, layer) => total + curves[layer][index][key], 0);

/** Curves of any form: savings that fall now and then, points that save nothing. Whole numbers, so that sums are exact. */
const anyCurves = fc.array(
  fc
    .array(fc.record({lost: fc.nat(50), saved: fc.integer({min: -5, max: 40})}), {maxLength: 4})
    .map((points) => [AS_IT_IS, ...points]),
  {minLength: 1, maxLength: 4},
);

function allChoices(curves: Curves): number[][] {
  return curves.reduce<number[][]>(
    (choices, points) => choices.flatMap((choice) => points.map((_, index) => [...choice, index])),
    [[]],
  );
}

describe('spreading a budget over layers', () => {
  test('reaches every target that can be reached, and takes what saves most where it cannot', () => {
    fc.assert(
      fc.property(anyCurves, fc.integer({min: 0, max: 160}), (curves, target) => {
        const most = curves.reduce((total, points) => total + Math.max(...points.map(({saved}) => saved)), 0);
        const chosen = allocate(curves, target);
        if (target <= most) expect(sum(curves, chosen, 'saved')).toBeGreaterThanOrEqual(target);
        else expect(sum(curves, chosen, 'saved')).toBe(most);
        expect(allocate(curves, target)).toEqual(chosen);
      }),
    );
  });

  test('loses no more than the best choice does, but for the last step', () => {
    fc.assert(
      fc.property(anyCurves, fc.integer({min: 1, max: 160}), (curves, target) => {
        const able = allChoices(curves).filter((choice) => sum(curves, choice, 'saved') >= target);
        fc.pre(able.length > 0);
        const least = Math.min(...able.map((choice) => sum(curves, choice, 'lost')));
        const largest = Math.max(...curves.flat().map(({lost}) => lost));
        const lost = sum(curves, allocate(curves, target), 'lost');
        expect(lost).toBeGreaterThanOrEqual(least);
        expect(lost).toBeLessThanOrEqual(least + largest);
      }),
    );
  });

  test('is the best choice where all steps save alike and losses grow', () => {
    const steps = fc.array(fc.nat(20), {minLength: 3, maxLength: 3}).map((rises) => {
      const points = [AS_IT_IS];
      for (const rise of rises.sort((a, b) => a - b)) {
        const {lost, saved} = points.at(-1)!;
        points.push({lost: lost + rise, saved: saved + 10});
      }
      return points;
    });
    fc.assert(
      fc.property(fc.array(steps, {minLength: 1, maxLength: 4}), fc.integer({min: 1, max: 120}), (curves, target) => {
        const able = allChoices(curves).filter((choice) => sum(curves, choice, 'saved') >= target);
        fc.pre(able.length > 0);
        const least = Math.min(...able.map((choice) => sum(curves, choice, 'lost')));
        expect(sum(curves, allocate(curves, target), 'lost')).toBe(least);
      }),
    );
  });

  test('goes over a stretch of a curve that saves little or nothing, never into it', () => {
    const threshold = [AS_IT_IS, {lost: 1, saved: 0}, {lost: 2, saved: 1}, {lost: 3, saved: 30}];
    const even = [AS_IT_IS, {lost: 2, saved: 10}, {lost: 4, saved: 20}, {lost: 6, saved: 30}];
    expect(allocate([threshold, even], 30)).toEqual([3, 0]);
    expect(allocate([threshold, even], 40)).toEqual([3, 1]);
  });

  test('what the last step saves beyond the target is given back where most is won', () => {
    const coarse = [AS_IT_IS, {lost: 5, saved: 50}];
    const fine = [AS_IT_IS, {lost: 1, saved: 5}, {lost: 4, saved: 10}];
    expect(allocate([fine, coarse], 55)).toEqual([1, 1]);
    expect(allocate([fine, coarse], 45)).toEqual([0, 1]);
    expect(
      allocate(
        [
          [AS_IT_IS, {lost: 1, saved: 10}, {lost: 3, saved: 20}],
          [AS_IT_IS, {lost: 30, saved: 12}],
        ],
        22,
      ),
    ).toEqual([1, 1]);
    fc.assert(
      fc.property(anyCurves, fc.integer({min: 0, max: 160}), (curves, target) => {
        const chosen = allocate(curves, target);
        const beyond = sum(curves, chosen, 'saved') - target;
        chosen.forEach((index, layer) => {
          const at = curves[layer][index];
          const better = curves[layer].filter(({lost, saved}) => lost < at.lost && at.saved - saved <= beyond);
          expect(better).toEqual([]);
        });
      }),
    );
  });

  test('the last step goes to the layer that loses least, which need not be the steepest one', () => {
    const coarse = [AS_IT_IS, {lost: 5, saved: 50}];
    const fine = [AS_IT_IS, {lost: 1, saved: 5}, {lost: 3, saved: 10}];
    expect(allocate([coarse, fine], 4)).toEqual([0, 1]);
    expect(allocate([coarse, fine], 11)).toEqual([1, 0]);
  });

  test('nothing asked, nothing taken', () => {
    expect(allocate([[AS_IT_IS, {lost: 0, saved: 9}]], 0)).toEqual([0]);
    expect(allocate([], 0)).toEqual([]);
  });
});
