/** Resizing of images. Pure functions. */

/** An image or what is laid out as one: `[height, width, channels]`. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: Uint8Array | Float32Array | Int32Array;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * An image of another size by a triangle filter, which is as wide as the image shrinks: bilinear interpolation upwards,
 * without aliasing downwards. It is Pillow's `Image.resize(size, BILINEAR)`, rounded once, where Pillow rounds after each
 * of the two directions.
 *
 * @param crop first resize the image, in its own proportions, so far that it covers the size, and then cut the centre out
 * @returns bytes of bytes, rounded; float32 of anything else; what is of that size already as it is
 */
export function resizeImage(image: Pixels, {width, height}: Size, crop = false): Pixels {
  const {channels, data} = image;
  if (image.width === width && image.height === height) return image;
  const scale = Math.max(width / image.width, height / image.height);
  const whole = crop
    ? {
        width: Math.max(width, Math.round(image.width * scale)),
        height: Math.max(height, Math.round(image.height * scale)),
      }
    : {width, height};
  const columns = axisTaps(image.width, whole.width, width);
  const rows = axisTaps(image.height, whole.height, height);
  const top = rows[0].first;
  const bottom = Math.max(...rows.map(({first, weights}) => first + weights.length));

  const stride = width * channels;
  const narrow = new Float32Array((bottom - top) * stride);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const {first, weights} = columns[x];
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let i = 0, at = (y * image.width + first) * channels + c; i < weights.length; i++, at += channels) {
          sum += weights[i] * data[at];
        }
        narrow[(y - top) * stride + x * channels + c] = sum;
      }
    }
  }
  const result = data instanceof Uint8Array ? new Uint8Array(height * stride) : new Float32Array(height * stride);
  const half = data instanceof Uint8Array ? 0.5 : 0; // bytes cut fractions off
  for (let y = 0; y < height; y++) {
    const {first, weights} = rows[y];
    for (let x = 0; x < stride; x++) {
      let sum = half;
      for (let i = 0, at = (first - top) * stride + x; i < weights.length; i++, at += stride) {
        sum += weights[i] * narrow[at];
      }
      result[y * stride + x] = sum;
    }
  }
  return {width, height, channels, data: result};
}

/** The input pixels that make an output pixel: their weights, which sum to 1, and the first of them. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Taps of the middle `count` of `to` pixels that are made of `from`. */
function axisTaps(from: number, to: number, count: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const start = Math.round((to - count) / 2);
  return Array.from({length: count}, (_, i) => {
    const centre = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(from, Math.floor(centre + support + 0.5));
    const weights = Float64Array.from({length: end - first}, (_, j) =>
      Math.max(0, 1 - Math.abs(first + j + 0.5 - centre) / support),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return {first, weights: weights.map((weight) => weight / sum)};
  });
}
