/** Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) with a warm-up and a cosine decay, on typed arrays. */

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];
/** Share of the steps over which the rate grows: the first steps of Adam are as long as the rate whatever the gradient. */
const WARM_UP = 0.05;

export class Adam {
  private readonly moments: readonly (readonly [Float32Array, Float32Array])[];
  private steps = 0;

  /**
   * @param sizes of the arrays that are trained
   * @param rate the largest, per step and weight
   * @param total steps that are meant to be taken
   */
  constructor(
    sizes: readonly number[],
    private readonly rate: number,
    private readonly total: number,
  ) {
    this.moments = sizes.map((size) => [new Float32Array(size), new Float32Array(size)]);
  }

  /**
   * Takes a step in place.
   *
   * @param isKept whether the zeros of an array stay
   */
  step(arrays: readonly Float32Array[], gradients: readonly Float32Array[], isKept: (index: number) => boolean): void {
    const progress = this.steps / this.total;
    const rate =
      this.rate * Math.min(1, (progress + 1 / this.total) / WARM_UP) * (0.5 + 0.5 * Math.cos(Math.PI * progress));
    this.steps++;
    const [correct1, correct2] = [1 - BETA1 ** this.steps, 1 - BETA2 ** this.steps];
    arrays.forEach((values, index) => {
      const [gradient, [first, second], kept] = [gradients[index], this.moments[index], isKept(index)];
      for (let i = 0; i < values.length; i++) {
        if (kept && values[i] === 0) continue;
        const g = gradient[i];
        const m = (first[i] = BETA1 * first[i] + (1 - BETA1) * g);
        const v = (second[i] = BETA2 * second[i] + (1 - BETA2) * g * g);
        values[i] -= (rate * (m / correct1)) / (Math.sqrt(v / correct2) + EPSILON);
      }
    });
  }
}
