/** Variations of images that leave them what they are, for training. */
import {
  image,
  max,
  maximum,
  min,
  minimum,
  mul,
  tensor,
  tidy,
  type NamedTensorMap,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

/** The least part of an image's height and width that is cut out and enlarged. */
const LEAST_SIZE = 0.85;
/** How much an image's contrast changes at most. */
const CONTRAST = 0.1;

/**
 * Images (float32 `[batch, height, width, 1 to 4]`) mirrored or not, cut by up to 15% and brought back to their size, with
 * their values scaled by up to 10% within the range that the batch has; each its own way. All else as it is.
 *
 * @returns new tensors
 */
export function augment(inputs: NamedTensorMap, random: () => number): NamedTensorMap {
  return tidy(() =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => {
        const [batch, height, width, channels] = input.shape;
        if (input.rank !== 4 || input.dtype !== 'float32' || channels > 4) return [name, input.clone()];
        const indices = Array.from({length: batch}, (_, i) => i);
        const boxes = indices.map(() => {
          const size = LEAST_SIZE + (1 - LEAST_SIZE) * random();
          const [y, x, mirrored] = [(1 - size) * random(), (1 - size) * random(), random() < 0.5];
          return mirrored ? [y, x + size, y + size, x] : [y, x, y + size, x + size];
        });
        const cut = image.cropAndResize(input as Tensor4D, boxes, indices, [height, width]);
        const scales = indices.map(() => 1 + CONTRAST * (2 * random() - 1));
        const scaled = mul(cut, tensor(scales, [batch, 1, 1, 1]));
        return [name, minimum(maximum(scaled, min(input)), max(input))];
      }),
    ),
  );
}
