/**
 * Packed models as they are stored: standard artifacts of a graph model, in which the filter of a layer is no constant but
 * a node of a custom op, whose inputs are constants of one dimension:
 *
 * | input | manifest entry            | what                                                                        |
 * |-------|---------------------------|-----------------------------------------------------------------------------|
 * | 0     | int32, quantised as uint8 | `keptBits`: one bit a block                                                 |
 * | 1     | float32, or float16       | values of the kept blocks, as `PackedFilter` has them                       |
 * | 2     | int32; may be absent      | `negativeZeros`: the signs of dropped weights                               |
 *
 * `modelTopology` has one field more (`SEAL`): checksums of each node, of all else that model.json says about the
 * computation, and of each weight's bytes, packed or not.
 */
import type {io} from '@tensorflow/tfjs-core';
import {
  checkKept,
  checksum,
  filterOf,
  restoreNegativeZeros,
  signWords,
  unpackFilter,
  type BlockLayout,
  type PackedWeight,
} from '../../packed';
import {transpose} from '../../pruning';
import {intAttr, type Attributes} from '../attributes';
import type {Topology} from '../graphTypes';

/** The op. Where this package is not imported, tfjs's own error shows its name. */
export const PACKED_OP = 'BlockSparse1xnFilter_install_tfjs-backend-blocksparse-1xn';
export const SEAL = 'blocksparse1xn';
export const FORMAT_VERSION = 1;

/** Attributes of a node. `rank` is 4 for convolutions, 2 for matrices. */
const ATTRIBUTES = ['version', 'n', 'kh', 'kw', 'inChannels', 'outChannels', 'rank', 'transposed'] as const;

/** What the attributes say. */
export interface StoredLayout extends BlockLayout {
  readonly rank: number;
  readonly transposed: boolean;
}

export function layoutAttributes(layout: StoredLayout): Attributes {
  const numbers = {...layout, version: FORMAT_VERSION, transposed: Number(layout.transposed)};
  return Object.fromEntries(ATTRIBUTES.map((name) => [name, intAttr(numbers[name])]));
}

/**
 * @param read an attribute's number; anything else where there is none
 * @throws RangeError naming the attribute, if the filter is none that this version can read.
 */
export function readLayout(read: (name: string) => unknown): StoredLayout {
  const [version, n, kh, kw, inChannels, outChannels, rank, transposed] = ATTRIBUTES.map((name) => {
    const value = read(name);
    if (Number.isInteger(value)) return value as number;
    throw new RangeError(`its attribute '${name}' is ${String(value)}, an integer expected`);
  });
  if (version !== FORMAT_VERSION) throw newer(version);
  const isMatrix = rank === 2 && kh === 1 && kw === 1;
  if (!(isMatrix || rank === 4) || !(transposed === 0 || (transposed === 1 && isMatrix))) {
    throw new RangeError(`its rank ${rank}, transposed ${transposed}, is not that of a filter`);
  }
  return {kh, kw, inChannels, outChannels, n: n as StoredLayout['n'], rank, transposed: transposed === 1};
}

const newer = (version: unknown): RangeError =>
  new RangeError(`its version is ${String(version)}, ${FORMAT_VERSION} expected: update tfjs-backend-blocksparse-1xn`);

/** What is stored of a filter: bytes and numbers that are decoded when they are asked for. */
export interface StoredFilter {
  readonly layout: StoredLayout;
  readonly kept: Uint8Array;
  /** How many there are. */
  readonly size: number;
  values(): Float32Array;
  readonly signs?: {readonly size: number; values(): Int32Array};
}

/** @throws RangeError where the parts do not fit each other. */
export function packedWeight({layout, kept, size, values, signs}: StoredFilter): PackedWeight {
  const {kh, kw, inChannels, outChannels, transposed} = layout;
  checkKept(layout, kept, size);
  if (signs && signs.size !== signWords(layout)) {
    throw new RangeError(`packed filter: ${signs.size} words of signs, ${signWords(layout)} expected`);
  }
  const matrix = transposed ? [outChannels, inChannels] : [inChannels, outChannels];
  const filter = () => filterOf(layout, kept, values());
  return {
    shape: layout.rank === 4 ? [kh, kw, inChannels, outChannels] : matrix,
    transposed,
    layout,
    filter,
    values() {
      const weights = unpackFilter(filter());
      if (signs) restoreNegativeZeros(weights, signs.values(), layout);
      return transposed ? transpose(weights, inChannels, outChannels) : weights;
    },
  };
}

/** What `SEAL` holds. */
interface Checksums {
  readonly version: number;
  readonly nodes: readonly number[];
  /** Of what else model.json has. */
  readonly rest: number;
  readonly weights: readonly number[];
}

/** The topology of a packed model. */
export type SealedTopology = Topology & {readonly [SEAL]?: Checksums};

/** Puts checksums over artifacts into their topology. */
export function seal(artifacts: io.ModelArtifacts, bytes: readonly Uint8Array[]): io.ModelArtifacts {
  const topology = artifacts.modelTopology as Topology;
  const checksums: Checksums = {
    version: FORMAT_VERSION,
    nodes: topology.node.map(jsonChecksum),
    rest: restChecksum(artifacts),
    weights: bytes.map(checksum),
  };
  return {...artifacts, modelTopology: {...topology, [SEAL]: checksums}};
}

/**
 * Checks model.json against its seal.
 *
 * @throws Error naming the node that is not as it was saved.
 */
export function checkTopology(artifacts: io.ModelArtifacts): void {
  const {node, [SEAL]: sums} = artifacts.modelTopology as SealedTopology;
  if (sums?.version !== FORMAT_VERSION) {
    throw sums
      ? newer(sums.version)
      : damaged('model.json', `modelTopology.${SEAL} with the checksums of the model is missing`);
  }
  const known = Array.isArray(sums.nodes) ? sums.nodes : [];
  const changed = node.findIndex((one, i) => jsonChecksum(one) !== known[i]);
  if (changed >= 0) throw damaged(`node '${String(node[changed]?.name)}'`);
  if (node.length !== known.length) throw damaged('model.json', `${node.length} nodes of ${known.length} are there`);
  if (restChecksum(artifacts) !== sums.rest) throw damaged('model.json', 'its signature or its list of weights');
}

/** As `checkTopology` for the bytes of one weight. */
export function checkWeight(artifacts: io.ModelArtifacts, index: number, name: string, bytes: Uint8Array): void {
  const {[SEAL]: sums} = artifacts.modelTopology as SealedTopology;
  if (checksum(bytes) !== sums?.weights?.[index]) throw damaged(`weight '${name}'`);
}

function damaged(what: string, why = 'its checksum is another'): Error {
  return new Error(
    `This packed model is not as it was saved: ${what} is damaged or was changed (${why}). ` +
      'Get the files again, or save the model anew with saveBlockSparse.',
  );
}

function restChecksum(artifacts: io.ModelArtifacts): number {
  const {weightSpecs, signature, userDefinedMetadata, modelInitializer, initializerSignature} = artifacts;
  const topology = {...(artifacts.modelTopology as object), node: undefined, [SEAL]: undefined}; // JSON has no undefined
  const signatures = [signature, userDefinedMetadata?.signature, initializerSignature];
  return jsonChecksum([topology, weightSpecs, signatures, modelInitializer]);
}

/** Loading a model, tfjs writes `attr: {}` into nodes that have none. */
const jsonChecksum = (value: unknown): number =>
  checksum(new TextEncoder().encode(JSON.stringify(value).replace(/,"attr":(\{\}|null)/g, '')));
