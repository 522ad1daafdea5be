/**
 * Resizes an image, without cropping, as Pillow's BILINEAR does: a triangle of one source pixel's reach each way where the
 * image grows, and of as many source pixels as a target pixel covers where it shrinks, so that nothing aliases. First along
 * rows, then along columns, rounded to bytes after each.
 *
 * @param {Uint8Array} pixels `[height, width, 3]`
 * @param {[number, number]} from height and width
 * @param {[number, number]} to height and width
 * @returns {Uint8Array} `[to height, to width, 3]`; the same array where nothing changes
 */
export function resizeImage(pixels, [height, width], [toHeight, toWidth]) {
  const wide = resizeAxis(pixels, {outer: height, from: width, to: toWidth, inner: 3});
  return resizeAxis(wide, {outer: 1, from: height, to: toHeight, inner: toWidth * 3});
}

function resizeAxis(pixels, {outer, from, to, inner}) {
  if (from === to) return pixels;
  const out = new Uint8Array(outer * to * inner);
  const taps = Array.from({length: to}, (_, i) => triangle(i, from, to));
  for (let o = 0; o < outer; o++) {
    for (let t = 0; t < to; t++) {
      const {first, weights} = taps[t];
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * pixels[(o * from + first + k) * inner + i];
        out[(o * to + t) * inner + i] = Math.floor(sum + 0.5);
      }
    }
  }
  return out;
}

/** Weights, with sum 1, of the source pixels that target pixel `i` is made of. */
function triangle(i, from, to) {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const centre = (i + 0.5) * scale;
  // Pillow's bounds, which round.
  const first = Math.max(0, Math.floor(centre - reach + 0.5));
  const end = Math.min(from, Math.floor(centre + reach + 0.5));
  const weights = Array.from({length: end - first}, (_, k) =>
    Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / reach)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return {first, weights: weights.map((weight) => weight / sum)};
}
