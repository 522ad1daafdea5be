/** The page of `inspect --html`: one file that needs no other, and the same for the same model and options. */
import type {ModelInspection, PruneOptions} from '../index';
import type {Drawing, LayerDrawing} from './blockMaps';
import {element as e, Html} from './html';
import {INSPECTION_COLUMNS, inspectionRow, totalsInWords} from './inspection';
import {STYLE} from './pageStyle';
import {percent, shapeOf} from './tables';

/** Width and height that a small picture is scaled to, at most. */
const LARGE = {width: 560, height: 320};
const MOST_SCALE = 12;

export function renderInspection(name: string, {layers, variant}: ModelInspection, drawing: Drawing): string {
  const {report} = drawing;
  const page = e(
    'html',
    {lang: 'en'},
    e('meta', {charset: 'utf-8'}),
    e('meta', {name: 'viewport', content: 'width=device-width, initial-scale=1'}),
    e('title', {}, `${name}: blocks`),
    e('style', {}, new Html(STYLE)),
    e(
      'main',
      {},
      e('h1', {}, name),
      e('p', {class: 'soft'}, `${totalsInWords(layers, variant)}.`),
      e('h2', {}, 'Layers'),
      e('p', {class: 'soft'}, 'Under N: the share of 1xN blocks that hold a weight other than zero.'),
      layerTable(layers),
      e('h2', {}, 'Blocks'),
      e(
        'p',
        {class: 'soft'},
        'A pixel is a block of N output channels at one input channel: rows are block rows, columns input channels. ' +
          'The stronger a pixel, the larger the l1 norm of its block; blank blocks are zero and are skipped. First ' +
          'the model as it is, then rearranged and pruned.',
      ),
      e('p', {class: 'soft'}, `Options of pruning: ${optionsInWords(drawing.options)}.`),
      e('p', {}, report.accuracy),
      drawing.layers.map(layerFigure),
    ),
  );
  return `<!doctype html>\n${page.text}\n`;
}

const optionsInWords = (options: PruneOptions) =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', ');

function layerTable(layers: ModelInspection['layers']): Html {
  const cell = (tag: string) => (text: string, i: number) =>
    e(tag, INSPECTION_COLUMNS[i].text ? {class: 'left'} : {}, text);
  const head = e('tr', {}, INSPECTION_COLUMNS.map(({title}) => title).map(cell('th')));
  const rows = layers.map((layer) => e('tr', {}, inspectionRow(layer).map(cell('td'))));
  return e('div', {class: 'card wide'}, e('table', {}, e('thead', {}, head), e('tbody', {}, rows)));
}

function layerFigure({layer, width, height, before, after}: LayerDrawing): Html {
  const {name, shape, n, blocks, blocksBefore, blocksAfter, l1Kept, leftAlone, rearranged, notRearranged} = layer;
  const scale = Math.max(1, Math.min(MOST_SCALE, Math.floor(Math.min(LARGE.width / width, LARGE.height / height))));
  const image = (source: string, alt: string) =>
    e('div', {class: 'map'}, e('img', {src: source, alt, width: width * scale, height: height * scale}));
  const share = (count: number) => `${count} of ${blocks} (${percent(count / blocks)})`;
  return e(
    'figure',
    {class: 'card'},
    e('h3', {}, name),
    e(
      'div',
      {class: 'pair'},
      image(before, `blocks of ${name} as they are`),
      after === null ? null : image(after, `blocks of ${name} afterwards`),
    ),
    e(
      'figcaption',
      {},
      `${shapeOf(shape)}, N = ${n}: ${share(blocksBefore)} blocks`,
      after === null ? null : ` → ${share(blocksAfter)}, ${percent(l1Kept, 1)} of the l1 norm`,
      leftAlone === null ? '.' : `. Not pruned: ${leftAlone}.`,
      rearranged
        ? ' Output channels rearranged.'
        : leftAlone === null && ` Output channels in their old order: ${notRearranged}.`,
    ),
  );
}
