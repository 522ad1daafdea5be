/** Small PNG pictures (W3C, Portable Network Graphics, second edition) of one colour in 16 strengths. */
import {deflateSync} from 'node:zlib';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** A pixel each, row by row: 0 is blank, `SHADES - 1` full. */
  readonly shades: Uint8Array;
}

/** Strengths of a pixel; two of them go into a byte. */
export const SHADES = 16;

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOR = [31, 138, 76];
const BIT_DEPTH = 4;
const INDEXED = 3;

export function encodePng({width, height, shades}: Picture): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([BIT_DEPTH, INDEXED], 8);
  // The colour shines through on pages light and dark: shades are opacities.
  const opacities = Array.from({length: SHADES}, (_, i) => Math.round((255 * i) / (SHADES - 1)));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(Array<number[]>(SHADES).fill(COLOR).flat())),
    chunk('tRNS', Buffer.from(opacities)),
    chunk('IDAT', deflateSync(scanlines(width, height, shades), {level: 9})),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Rows of two pixels a byte, behind a byte that says "unfiltered". */
function scanlines(width: number, height: number, shades: Uint8Array): Uint8Array {
  const stride = 1 + Math.ceil(width / 2);
  const lines = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      lines[y * stride + 1 + (x >> 1)] |= shades[y * width + x] << (x % 2 === 0 ? 4 : 0);
    }
  }
  return lines;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** CRC-32 of ISO 3309; Node has one from version 22 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
