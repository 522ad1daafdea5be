/** What decides whether a convolution can run by Winograd's algorithm; sizes in pixels. */
export interface ConvolutionShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
}

/**
 * The tiles of 2x2 output pixels that Winograd's algorithm F(2x2, 3x3) computes, over the whole batch.
 *
 * @returns 0 where it cannot: it takes filters of 3x3 at stride 1, without dilation, on at least 4 input channels.
 */
export function winogradTiles(c: ConvolutionShape): number {
  const steps = c.strideHeight * c.strideWidth * c.dilationHeight * c.dilationWidth;
  if (c.kernelHeight !== 3 || c.kernelWidth !== 3 || steps !== 1 || c.inChannels < 4) return 0;
  return c.batch * Math.ceil(c.outHeight / 2) * Math.ceil(c.outWidth / 2);
}
