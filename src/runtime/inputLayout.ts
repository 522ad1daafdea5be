import type {ConvGeometry} from './taskWriter';

/** How the input of an output pixel lies: runs of floats, equally far apart. See kernels/inputPixels.ts. */
export interface InputLayout {
  readonly segments: number;
  readonly segmentBytes: number;
  /** Bytes from one segment to the next; 0 where every pixel is copied. */
  readonly segmentPitch: number;
  /** Bytes of the copies of a macro tile's pixels that cannot be read in place. */
  readonly patchBytes: number;
}

/**
 * Pixels are read in place where the taps of a filter row are neighbours and fit into an image row; only those at an edge
 * are copied. Otherwise every pixel is copied as one segment.
 *
 * @param macroTile output pixels that are laid out at a time
 * @param oneRun the kernel wants all taps of a pixel in one run
 */
export function inputLayout(g: ConvGeometry, macroTile: number, oneRun: boolean): InputLayout {
  const {kernelHeight, kernelWidth, inChannels} = g;
  const lineBytes = 4 * kernelWidth * inChannels;
  const pitch = 4 * g.inWidth * inChannels;
  const undilated = g.dilationHeight === 1 && g.dilationWidth === 1;
  if (undilated && kernelWidth <= g.inWidth && !(oneRun && kernelHeight > 1)) {
    const abreast = Math.floor(pitch / lineBytes);
    // The last pixels of panel kernels are wanted in one run, if there are one or two beyond whole tiles.
    const runs = kernelHeight > 1 ? kernelHeight * pitch + 2 * kernelHeight * lineBytes : 0;
    const patchBytes = runs + (isInside(g) ? 0 : Math.ceil(macroTile / abreast) * kernelHeight * pitch);
    return {segments: kernelHeight, segmentBytes: lineBytes, segmentPitch: pitch, patchBytes};
  }
  const rowBytes = kernelHeight * lineBytes;
  return {segments: 1, segmentBytes: rowBytes, segmentPitch: 0, patchBytes: macroTile * rowBytes};
}

/** Whether no tap of any output pixel lies outside the image. */
function isInside(g: ConvGeometry): boolean {
  return (
    g.padTop === 0 &&
    g.padLeft === 0 &&
    (g.outHeight - 1) * g.strideHeight + g.kernelHeight <= g.inHeight &&
    (g.outWidth - 1) * g.strideWidth + g.kernelWidth <= g.inWidth
  );
}
