// The per-layer bars of a profile as SVG: time, GFLOP/s and share of the roof side by side, an op a row.
import {html} from './html.mjs';
import {ticks} from './htmlCharts.mjs';
import {describeShapes, gflops, isSlower} from './profile.mjs';

const ROW = 16;
const BAR = 10;
const TOP = 34;
const LABEL_WIDTH = 420;
const GAP = 34;
const COLUMNS = [
  {title: 'time, ms', width: 290},
  {title: 'GFLOP/s', width: 140},
  {title: 'share of the roof, %', width: 140},
];
const WIDTH = LABEL_WIDTH + COLUMNS.reduce((sum, {width}) => sum + width + GAP, 0);

/** The colour of a path's bars: a CSS variable. */
export function pathColor(path) {
  if (path === 'dense' || path === 'stock' || path === 'ours') return `--${path}`;
  return '--sparse';
}

/** @param {import('./profile.mjs').ProfiledOp[]} ops without those that only give data another shape */
export function layerBars({name, ops, peak}) {
  const starts = COLUMNS.map(
    (_, i) => LABEL_WIDTH + COLUMNS.slice(0, i).reduce((sum, {width}) => sum + width + GAP, 0),
  );
  const rates = ops.map((op) => (op.flops && op.ms > 0 ? gflops(op.flops, op.ms) : null));
  const shares = ops.map((op) => (op.ms > 0 ? (100 * op.roofMs) / op.ms : null));
  const scales = [
    ticks(Math.max(...ops.flatMap(({ms, stockMs}) => [ms, stockMs])), 5),
    ticks(Math.max(peak, ...rates), 4),
    [0, 25, 50, 75, 100],
  ];
  const at = (column, value) =>
    round(starts[column] + Math.min(1, value / scales[column].at(-1)) * COLUMNS[column].width);
  const bottom = TOP + ops.length * ROW;
  const bar = (column, value, y) =>
    value !== null &&
    html`<rect
      class="bar"
      x="${starts[column]}"
      y="${y + 3}"
      width="${round(at(column, value) - starts[column])}"
      height="${BAR}"
      rx="1.5"
    />`;

  return html`<svg class="bars" viewBox="0 0 ${WIDTH} ${bottom + 22}" role="img" aria-label="${name}">
    ${COLUMNS.map(
      ({title}, i) =>
        html`<text class="tinted" style="--c:var(--ink)" x="${starts[i]}" y="12">${title}</text>
          ${scales[i].map(
            (tick) =>
              html`<line class="grid" x1="${at(i, tick)}" x2="${at(i, tick)}" y1="${TOP - 4}" y2="${bottom}" /><text
                  class="soft middle"
                  x="${at(i, tick)}"
                  y="${TOP - 8}"
                  >${tick}</text
                ><text class="soft middle" x="${at(i, tick)}" y="${bottom + 15}">${tick}</text>`,
          )} `,
    )}
    <line class="roof" x1="${at(1, peak)}" x2="${at(1, peak)}" y1="${TOP - 4}" y2="${bottom}">
      <title>measured peak: ${peak.toFixed(1)} GFLOP/s a core</title>
    </line>
    ${ops.map((op, i) => {
      const y = TOP + i * ROW;
      const stock = at(0, op.stockMs);
      return html`<g style="--c:var(${pathColor(op.path)})"
        ><title>${tooltip(op, i, rates[i], shares[i])}</title
        ><rect x="0" y="${y}" width="${WIDTH}" height="${ROW}" fill="transparent" /><text
          class="end soft"
          x="24"
          y="${y + 12}"
          >${i + 1}</text
        ><text class="${isSlower(op) && 'bad'}" x="32" y="${y + 12}">${clip(KINDS[op.kernel] ?? op.kernel, 13)}</text
        ><text class="soft" x="112" y="${y + 12}">${clip(describeShapes(op).replace('->', '→'), 42)}</text
        ><text class="tinted end" x="${LABEL_WIDTH - 14}" y="${y + 12}">${op.path}</text>${bar(0, op.ms, y)}<line
          class="mark"
          x1="${stock}"
          x2="${stock}"
          y1="${y + 1.5}"
          y2="${y + ROW - 1.5}"
        />${bar(1, rates[i], y)}${bar(2, shares[i], y)}</g
      > `;
    })}
  </svg>`;
}

/** Short names of frequent kernels. */
const KINDS = {
  FusedConv2D: 'Conv2D',
  FusedDepthwiseConv2D: 'Depthwise',
  DepthwiseConv2dNative: 'Depthwise',
  _FusedMatMul: 'MatMul',
  BatchMatMul: 'MatMul',
  Conv2DBackpropInput: 'Transposed',
  ResizeBilinear: 'Resize',
  ResizeNearestNeighbor: 'Resize',
};

function tooltip(op, i, rate, share) {
  return [
    `${i + 1}. ${op.kernel}${op.node && ` (${op.node})`}`,
    describeShapes(op),
    `path ${op.path}${op.kept !== null && op.kept < 1 ? `, ${(100 * op.kept).toFixed(0)}% of the blocks kept` : ''}`,
    `${op.ms.toFixed(3)} ms; stock ${op.stockMs.toFixed(3)} ms${op.ms > 0 ? `, ratio ${(op.stockMs / op.ms).toFixed(2)}` : ''}`,
    [rate !== null && `${rate.toFixed(1)} GFLOP/s`, share !== null && `${share.toFixed(0)}% of the roof (${op.bound})`]
      .filter(Boolean)
      .join(', '),
  ].join('\n');
}

function clip(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
