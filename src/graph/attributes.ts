/**
 * Reading and writing the attributes of a graph node as they stand in a
 * model.json: protobuf's JSON form of `tensorflow.AttrValue`. Strings are
 * base64 (or lists of character codes in old models) and numbers may be
 * written as strings. The rules are those of tfjs-converter's
 * operation_mapper.ts.
 */

/** One attribute: exactly one of the fields is set. */
export interface AttrValue {
  s?: string | number[];
  i?: number | string;
  f?: number | string;
  b?: boolean;
  type?: string | number;
  shape?: {unknownRank?: boolean; dim?: Array<{size: number | string}>};
  tensor?: {dtype?: string | number; tensorShape?: {dim?: Array<{size: number | string}>}};
  list?: {
    s?: Array<string | number[]>;
    i?: Array<number | string>;
    f?: Array<number | string>;
    b?: boolean[];
    type?: Array<string | number>;
    shape?: Array<{unknownRank?: boolean; dim?: Array<{size: number | string}>}>;
  };
  func?: {name: string};
}

/** A node's attributes by name. */
export type Attributes = Readonly<Record<string, AttrValue>>;

/** What the readers need of a node. */
export interface HasAttributes {
  readonly attr?: Attributes;
}

const toNumber = (value: number | string): number => (typeof value === 'number' ? value : parseInt(value, 10));

const decodeString = (s: string | number[]): string => (Array.isArray(s) ? String.fromCharCode(...s) : atob(s));

/** A string attribute as written (case kept), or `undefined` where the node has none. */
export function readString(node: HasAttributes, name: string): string | undefined {
  const s = node.attr?.[name]?.s;
  return s === undefined || s === null ? undefined : decodeString(s);
}

/** A list of strings; empty where the node has none. */
export function readStrings(node: HasAttributes, name: string): string[] {
  return (node.attr?.[name]?.list?.s ?? []).map(decodeString);
}

/** A number, whether stored as integer or as float, or `undefined` where the node has none. */
export function readNumber(node: HasAttributes, name: string): number | undefined {
  const value = node.attr?.[name]?.i ?? node.attr?.[name]?.f;
  return value === undefined || value === null ? undefined : toNumber(value);
}

/** A list of numbers; empty where the node has none. */
export function readNumbers(node: HasAttributes, name: string): number[] {
  const list = node.attr?.[name]?.list;
  return (list?.f?.length ? list.f : (list?.i ?? [])).map(toNumber);
}

/** A flag; `false` where the node has none. */
export function readFlag(node: HasAttributes, name: string): boolean {
  return node.attr?.[name]?.b ?? false;
}

/** The dimensions of a shape attribute (-1 where unknown), or `undefined` for an unknown rank or no attribute. */
export function readShape(node: HasAttributes, name: string): number[] | undefined {
  const shape = node.attr?.[name]?.shape;
  if (!shape || shape.unknownRank) return undefined;
  return (shape.dim ?? []).map((dim) => toNumber(dim.size));
}

/** `data_format` in upper case; TensorFlow's default is NHWC. */
export function readDataFormat(node: HasAttributes): string {
  return (readString(node, 'data_format') ?? 'NHWC').toUpperCase();
}

/** `[height, width]` of a four-element NHWC attribute such as `strides` or `dilations`; [1, 1] where absent. */
export function readSpatial(node: HasAttributes, name: 'strides' | 'dilations'): [number, number] {
  const values = readNumbers(node, name);
  return values.length === 4 ? [values[1], values[2]] : [1, 1];
}

/** A convolution's padding: 'same', 'valid', or the rows of `explicit_paddings` as [[before, after], ...] of N, H, W, C. */
export function readPadding(node: HasAttributes): 'same' | 'valid' | Array<[number, number]> {
  const padding = (readString(node, 'padding') ?? 'valid').toLowerCase();
  if (padding === 'same' || padding === 'valid') return padding;
  const flat = readNumbers(node, 'explicit_paddings');
  return [0, 2, 4, 6].map((i) => [flat[i] ?? 0, flat[i + 1] ?? 0]);
}

/** The names in `fused_ops` in lower case as tfjs compares them, e.g. ['biasadd', 'relu6']. */
export function readFusedOps(node: HasAttributes): string[] {
  return readStrings(node, 'fused_ops').map((name) => name.toLowerCase());
}

/** A string attribute. */
export const stringAttr = (value: string): AttrValue => ({s: btoa(value)});

/** A list-of-strings attribute. */
export const stringsAttr = (values: readonly string[]): AttrValue => ({list: {s: values.map((value) => btoa(value))}});

/** An integer attribute; protobuf's JSON writes int64 as a string. */
export const intAttr = (value: number): AttrValue => ({i: String(value)});

/** A float attribute. */
export const floatAttr = (value: number): AttrValue => ({f: value});

/** A list-of-integers attribute. */
export const intsAttr = (values: readonly number[]): AttrValue => ({list: {i: values.map(String)}});

/** A data type attribute such as 'DT_FLOAT'. */
export const typeAttr = (type: string): AttrValue => ({type});

/** The attributes of a float32 (or int32) `Const` node. */
export function constAttributes(dtype: 'DT_FLOAT' | 'DT_INT32', shape: readonly number[]): Attributes {
  return {
    dtype: {type: dtype},
    value: {tensor: {dtype, tensorShape: {dim: shape.map((size) => ({size: String(size)}))}}},
  };
}
