/** Pictures of a model's blocks: a pixel each, the stronger the larger its l1 norm, as they are and after pruning. */
import type {io} from '@tensorflow/tfjs-core';
import {pruneGraphModel, unpackArtifacts, type LayerReport, type PruneOptions, type PruneReport} from '../index';
import {ModelGraph} from '../graph/modelGraph';
import {listLayers, readFilter, type LayerDescription} from '../graph/pruneLayers';
import {inferShapes} from '../graph/shapes';
import {blockRows, type BlockSize} from '../packed';
import {l1BlockScores} from '../pruning';
import {encodePng, SHADES, type Picture} from './png';

/** A layer's blocks, `ceil(outChannels / n)` rows of `inChannels`. */
export interface LayerDrawing {
  readonly layer: LayerReport;
  readonly width: number;
  readonly height: number;
  /** PNG as a data URL. */
  readonly before: string;
  /** After rearrangement and pruning; `null` where that changed nothing. */
  readonly after: string | null;
}

export interface Drawing {
  readonly options: PruneOptions;
  readonly report: PruneReport;
  readonly layers: readonly LayerDrawing[];
}

interface Filter {
  readonly description: LayerDescription;
  values(): Float32Array;
}

/** Draws every layer before and after `pruneGraphModel` with these options; a rate of 0 rearranges alone. */
export async function drawLayers(artifacts: io.ModelArtifacts, options: PruneOptions): Promise<Drawing> {
  const {artifacts: pruned, report} = await pruneGraphModel(artifacts, options);
  const before = filtersOf(unpackArtifacts(artifacts));
  const after = filtersOf(pruned);
  const layers = report.layers.map((layer): LayerDrawing => {
    const {description, values} = before.get(layer.name)!;
    const scores = l1BlockScores(values(), description, layer.n);
    const strongest = scores.reduce((most, score) => Math.max(most, score), 0);
    const draw = (blocks: Float64Array) => dataUrl(picture(blocks, strongest, description, layer.n));
    const left = after.get(layer.name) ?? renamed(after, layer.name);
    const first = draw(scores);
    const second = draw(l1BlockScores(left.values(), description, layer.n));
    return {
      layer,
      width: description.inChannels,
      height: blockRows(description, layer.n),
      before: first,
      after: second === first ? null : second,
    };
  });
  return {options, report, layers};
}

/** Rearranging appends /1xn to a node's name, and a number if there is such a node. */
function renamed(filters: ReadonlyMap<string, Filter>, name: string): Filter {
  const start = `${name}/1xn`;
  const found = [...filters].find(([other]) => other.startsWith(start) && /^(_\d+)?$/.test(other.slice(start.length)));
  if (found === undefined) throw new Error(`the pruned model has no layer '${name}'`);
  return found[1];
}

function filtersOf(artifacts: io.ModelArtifacts): ReadonlyMap<string, Filter> {
  const graph = ModelGraph.from(artifacts);
  const layers = listLayers(graph, inferShapes(graph));
  return new Map(
    layers.map((layer) => [
      layer.description.name,
      {description: layer.description, values: () => readFilter(graph, layer)},
    ]),
  );
}

function picture(scores: Float64Array, strongest: number, shape: LayerDescription, n: BlockSize): Picture {
  // Roots, so that weak blocks are seen; only zero blocks are blank.
  const shade = (score: number) =>
    score > 0 ? 1 + Math.min(SHADES - 2, Math.floor(Math.sqrt(score / strongest) * (SHADES - 1))) : 0;
  return {width: shape.inChannels, height: blockRows(shape, n), shades: Uint8Array.from(scores, shade)};
}

const dataUrl = (image: Picture) => `data:image/png;base64,${encodePng(image).toString('base64')}`;
