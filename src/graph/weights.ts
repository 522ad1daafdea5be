/**
 * The weights of a model's artifacts: specs and bytes side by side. Bytes of
 * weights that nobody sets anew are passed on as they are, quantised ones
 * included; values are decoded only when asked for, by the rules of
 * tfjs-core's `io.decodeWeights`.
 */
import {io} from '@tensorflow/tfjs-core';
import {fromFloat16} from '../packed';
import {packedOf} from './packed/weight';

type Spec = io.WeightsManifestEntry;

interface Entry {
  readonly spec: Spec;
  /** Where the encoded bytes of this weight are, or those of one that was set, or its new values. */
  readonly content: {readonly start: number; readonly end: number} | Uint8Array | Float32Array | Int32Array;
}

const BYTES_PER_VALUE: Readonly<Record<string, number>> = {
  float32: 4,
  float16: 2,
  int32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
  complex64: 8,
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export class WeightStore {
  private readonly entries: Entry[] = [];
  private readonly indexByName = new Map<string, number>();
  private readonly bytes: io.CompositeArrayBuffer;
  private changed = false;

  /**
   * @param specs the artifacts' `weightSpecs`.
   * @param data the artifacts' `weightData`: one buffer or several, read as one stretch of bytes.
   * @throws where the specs ask for more bytes than there are, or name an unknown data type.
   */
  constructor(
    private readonly specs: Spec[] = [],
    private readonly data: io.WeightData = new ArrayBuffer(0),
  ) {
    this.bytes = new io.CompositeArrayBuffer(data);
    let offset = 0;
    for (const spec of specs) {
      const end = offset + this.encodedLength(spec, offset);
      if (end > this.bytes.byteLength) {
        throw new Error(
          `Weight '${spec.name}' ends at byte ${end} but the model has only ${this.bytes.byteLength} bytes of weights: ` +
            'the weight files are incomplete or do not belong to this model.json.',
        );
      }
      this.append({spec, content: {start: offset, end}});
      offset = end;
    }
  }

  has(name: string): boolean {
    return this.indexByName.has(name);
  }

  names(): string[] {
    return [...this.indexByName.keys()];
  }

  /** The manifest entry of a weight: shape, dtype, quantisation. */
  spec(name: string): Readonly<Spec> {
    const {spec} = this.entry(name);
    const packed = packedOf(spec);
    return packed ? {...spec, shape: [...packed.shape]} : spec;
  }

  /** The bytes of a weight as the artifacts have them, to be read only: a view where the weights are one buffer. */
  encoded(name: string): Uint8Array {
    const {content} = this.entry(name);
    if ('byteLength' in content) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    const {start, end} = content;
    if (this.data instanceof ArrayBuffer) return new Uint8Array(this.data, start, end - start);
    return new Uint8Array(this.bytes.slice(start, end));
  }

  /** A fresh copy of a float32 weight's values, dequantised. */
  floats(name: string): Float32Array {
    const {spec, content} = this.entry(name);
    if (spec.dtype !== 'float32') throw new Error(`Weight '${name}' is ${spec.dtype}, not float32.`);
    if (content instanceof Int32Array) throw new Error(`Weight '${name}' was set as int32.`);
    const packed = packedOf(spec);
    if (packed) return packed.values();
    if (content instanceof Float32Array) return content.slice();
    const encoded = this.encoded(name).slice().buffer;
    return spec.quantization ? dequantise(spec, encoded) : new Float32Array(encoded);
  }

  /** A fresh copy of an int32 weight's values, dequantised. */
  ints(name: string): Int32Array {
    const {spec, content} = this.entry(name);
    if (spec.dtype !== 'int32') throw new Error(`Weight '${name}' is ${spec.dtype}, not int32.`);
    if (content instanceof Float32Array) throw new Error(`Weight '${name}' was set as float32.`);
    if (content instanceof Int32Array) return content.slice();
    const encoded = this.encoded(name).slice().buffer;
    // tfjs rounds the dequantised numbers in double precision.
    return spec.quantization ? Int32Array.from(affine(spec, encoded), Math.round) : new Int32Array(encoded);
  }

  /** Sets a weight anew, as plain float32 or int32; a name that is not there yet is appended. Keeps `values` without a copy. */
  set(name: string, values: Float32Array | Int32Array, shape: readonly number[]): void {
    if (values.length !== sizeOf(shape)) {
      throw new Error(`Weight '${name}': ${values.length} values do not fill the shape [${shape}].`);
    }
    const dtype = values instanceof Float32Array ? 'float32' : 'int32';
    this.put({spec: {name, shape: [...shape], dtype}, content: values});
  }

  /** As `set`, in the encoding that the manifest entry states. */
  setEncoded(spec: Spec, content: Uint8Array): void {
    this.put({spec, content});
  }

  rename(name: string, newName: string): void {
    if (this.indexByName.has(newName)) throw new Error(`There is a weight '${newName}' already.`);
    const entry = this.entry(name);
    this.remove(name);
    this.append({...entry, spec: {...entry.spec, name: newName}});
  }

  remove(name: string): void {
    const index = this.indexByName.get(name);
    if (index === undefined) throw new Error(`There is no weight '${name}' to remove.`);
    this.indexByName.delete(name);
    this.changed = true;
  }

  /** Specs and bytes for artifacts; the very objects given where nothing changed. */
  encode(): {weightSpecs: Spec[]; weightData: io.WeightData} {
    if (!this.changed) return {weightSpecs: this.specs, weightData: this.data};
    const kept = [...this.indexByName.values()].sort((a, b) => a - b).map((index) => this.entries[index].spec);
    const parts = kept.map(({name}) => this.encoded(name));
    const out = new Uint8Array(parts.reduce((sum, {length}) => sum + length, 0));
    let offset = 0;
    for (const bytes of parts) {
      out.set(bytes, offset);
      offset += bytes.length;
    }
    return {weightSpecs: kept, weightData: out.buffer};
  }

  private put({spec, content}: Entry): void {
    const index = this.indexByName.get(spec.name);
    if (index === undefined) {
      this.append({spec, content});
    } else {
      const {group} = this.entries[index].spec;
      this.entries[index] = {spec: group ? {...spec, group} : spec, content};
    }
    this.changed = true;
  }

  private append(entry: Entry): void {
    this.indexByName.set(entry.spec.name, this.entries.length);
    this.entries.push(entry);
  }

  private entry(name: string): Entry {
    const index = this.indexByName.get(name);
    if (index === undefined) throw new Error(`There is no weight '${name}' in the model.`);
    return this.entries[index];
  }

  private encodedLength(spec: Spec, offset: number): number {
    const count = sizeOf(spec.shape);
    if (!spec.quantization && spec.dtype === 'string') {
      // Each string is preceded by its length in bytes.
      let length = 0;
      for (let i = 0; i < count; i++) {
        const start = offset + length;
        length += 4 + new Uint32Array(this.bytes.slice(start, start + 4))[0];
      }
      return length;
    }
    const dtype = spec.quantization?.dtype ?? spec.dtype;
    const bytesPerValue = BYTES_PER_VALUE[dtype];
    if (bytesPerValue === undefined) throw new Error(`Weight '${spec.name}' has the unknown data type '${dtype}'.`);
    return count * bytesPerValue;
  }
}

function dequantise(spec: Spec, encoded: ArrayBuffer): Float32Array {
  return spec.quantization?.dtype === 'float16'
    ? fromFloat16(new Uint16Array(encoded))
    : new Float32Array(affine(spec, encoded));
}

/** value * scale + min in double precision, as tfjs computes it. */
function affine(spec: Spec, encoded: ArrayBuffer): Float64Array {
  const {dtype, scale, min} = spec.quantization ?? {};
  if ((dtype !== 'uint8' && dtype !== 'uint16') || scale === undefined || min === undefined) {
    throw new Error(
      `Weight '${spec.name}' (${spec.dtype}) is quantised as ${dtype}: expected uint8 or uint16 with scale and min` +
        `${spec.dtype === 'float32' ? ', or float16' : ''}.`,
    );
  }
  const quantised = dtype === 'uint8' ? new Uint8Array(encoded) : new Uint16Array(encoded);
  const values = new Float64Array(quantised.length);
  for (let i = 0; i < quantised.length; i++) values[i] = quantised[i] * scale + min;
  return values;
}
