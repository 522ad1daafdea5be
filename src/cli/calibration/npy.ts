/** NumPy's format of one array in a file (NEP 1): its header, and its values in C order. */
import {UserError} from '../errors';

const MAGIC = '\x93NUMPY';
const TYPES = {f4: Float32Array, i4: Int32Array, u1: Uint8Array} as const;

/** Bytes of a file that hold its header, for certain. */
export const NPY_HEADER_BYTES = 1 << 16;

export interface NpyHeader {
  readonly shape: readonly number[];
  /** Bytes in the file before the first value. */
  readonly offset: number;
  /** Bytes of a value. */
  readonly bytes: number;
  /** Values from bytes as they are in the file. */
  decode(bytes: Uint8Array): Float32Array | Int32Array | Uint8Array;
}

/**
 * Reads the header of a .npy file.
 *
 * @param start the first bytes of the file, `NPY_HEADER_BYTES` or all
 * @param length bytes of the file
 * @throws UserError that names the file, where it is none, or holds anything else than float32, int32 or uint8 in C order,
 *     little endian
 */
export function readNpyHeader(file: string, start: Uint8Array, length: number): NpyHeader {
  const refuse = (why: string): never => {
    throw new UserError(`${file} ${why}`);
  };
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  if (start.length < 12 || Buffer.from(start.subarray(0, 6)).toString('latin1') !== MAGIC) {
    return refuse('is not a .npy file: save it with numpy.save');
  }
  const isFirstVersion = start[6] === 1;
  const from = isFirstVersion ? 10 : 12;
  const offset = from + (isFirstVersion ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = Buffer.from(start.subarray(from, offset)).toString('latin1');
  const descr = /'descr': *'([<>|=]?)(\w+)'/.exec(header);
  const order = /'fortran_order': *(True|False)/.exec(header);
  const sizes = /'shape': *\(([\d, ]*)\)/.exec(header);
  if (offset > start.length || !order || !sizes) return refuse('is damaged: its header is not one of a .npy file');
  const Type = descr && descr[1] !== '>' && Object.hasOwn(TYPES, descr[2]) && TYPES[descr[2] as keyof typeof TYPES];
  if (!Type) {
    return refuse(`holds ${descr ? descr[1] + descr[2] : 'a structure'}: save it as float32, int32 or uint8 (astype)`);
  }
  if (order[1] === 'True') return refuse('is in Fortran order: save it in C order (numpy.ascontiguousarray)');
  const shape = sizes[1]
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const bytes = Type.BYTES_PER_ELEMENT;
  const expected = offset + shape.reduce((product, size) => product * size, bytes);
  if (length !== expected) return refuse(`is damaged: it has ${length} bytes, and its header asks for ${expected}`);
  return {shape, offset, bytes, decode: (values) => new Type(Uint8Array.from(values).buffer)};
}
