// Line charts as SVG.
import {html} from './html.mjs';

const WIDTH = 560;
const HEIGHT = 350;
const LEFT = 46;
const RIGHT = 104;
const TOP = 14;
const BOTTOM = 46;
/** Least distance of two labels' base lines. */
const LABEL_STEP = 14;

/**
 * Round numbers from 0 to at least `most`, about as many as are asked for.
 *
 * @returns {number[]}
 */
export function ticks(most, count) {
  const rough = Math.max(most, 1e-9) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({length: steps + 1}, (_, i) => Number((i * step).toPrecision(12)));
}

/**
 * As `ticks`, from a round number at or below `least`.
 *
 * @returns {number[]}
 */
export function ticksBetween(least, most, count) {
  const [, step] = ticks(most - least || Math.abs(most) || 1, count);
  const first = Math.floor(least / step + 1e-9);
  const steps = Math.ceil(most / step - 1e-9) - first;
  return Array.from({length: steps + 1}, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * Moves labels apart that would overlap, as little as keeps their order and the bounds.
 *
 * @param {number[]} wanted positions, ascending
 * @returns {number[]}
 */
export function spreadLabels(wanted, step, low, high) {
  const placed = [];
  for (const y of wanted) placed.push(Math.max(y, low, (placed.at(-1) ?? -Infinity) + step));
  for (let i = placed.length - 1, limit = high; i >= 0; i--, limit -= step) placed[i] = Math.min(placed[i], limit);
  return placed;
}

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} color a CSS variable
 * @property {{x: number, y: number, title: string}[]} points by ascending x
 *
 * @typedef {object} Level a horizontal line
 * @property {string} label
 * @property {number} y
 * @property {string} title
 */

/**
 * A line chart with its labels at the right-hand end of the lines. y begins at 0 unless it has ticks of its own.
 *
 * @param {object} chart
 * @param {string} chart.name for those who do not see it
 * @param {{label: string, ticks: number[], format: (x: number) => string}} chart.x
 * @param {{label: string, ticks?: number[]}} chart.y
 * @param {Series[]} chart.series
 * @param {Level[]} chart.levels
 */
export function lineChart({name, x, y, series, levels}) {
  const values = [...series.flatMap(({points}) => points.map((point) => point.y)), ...levels.map((level) => level.y)];
  const yTicks = y.ticks ?? ticks(Math.max(...values), 7);
  const [firstX, lastX] = [x.ticks[0], x.ticks.at(-1)];
  const [firstY, lastY] = [yTicks[0], yTicks.at(-1)];
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const px = (value) => round(LEFT + ((value - firstX) / (lastX - firstX)) * (right - LEFT));
  const py = (value) => round(bottom - ((value - firstY) / (lastY - firstY)) * (bottom - TOP));
  const digits = yTicks.some((tick) => tick % 1 !== 0) ? 1 : 0;

  const labels = [
    ...series.map(({label, color, points}) => ({label, color, x: px(points.at(-1).x), y: py(points.at(-1).y)})),
    ...levels.map((level) => ({label: level.label, color: '--soft', x: right, y: py(level.y)})),
  ].sort((a, b) => a.y - b.y);
  const places = spreadLabels(
    labels.map((label) => label.y),
    LABEL_STEP,
    TOP + 2,
    bottom,
  );

  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${name}">
    ${yTicks.map(
      (tick) =>
        html`<line class="grid" x1="${LEFT}" x2="${right}" y1="${py(tick)}" y2="${py(tick)}" /><text
            class="soft end"
            x="${LEFT - 8}"
            y="${py(tick) + 4}"
            >${tick.toFixed(digits)}</text
          > `,
    )}${x.ticks.map(
      (tick) =>
        html`<line class="axis" x1="${px(tick)}" x2="${px(tick)}" y1="${bottom}" y2="${bottom + 5}" /><text
            class="soft middle"
            x="${px(tick)}"
            y="${bottom + 19}"
            >${x.format(tick)}</text
          > `,
    )}
    <line class="axis" x1="${LEFT}" x2="${right}" y1="${bottom}" y2="${bottom}" />
    <text class="soft middle" x="${(LEFT + right) / 2}" y="${HEIGHT - 6}">${x.label}</text>
    <text class="soft middle" transform="rotate(-90)" x="${-(TOP + bottom) / 2}" y="12">${y.label}</text>
    ${levels.map(
      (level) =>
        html`<line class="peer" x1="${LEFT}" x2="${right}" y1="${py(level.y)}" y2="${py(level.y)}"
          ><title>${level.title}</title></line
        > `,
    )}${series.map(
      ({points, color}) =>
        html`<g style="--c:var(${color})"
          ><polyline
            class="line"
            points="${points.map((point) => `${px(point.x)},${py(point.y)}`).join(' ')}"
          />${points.map((point) => html`<circle class="dot" cx="${px(point.x)}" cy="${py(point.y)}" r="4.5"><title>${point.title}</title></circle>`)}</g
        > `,
    )}${labels.map(
      (label, i) =>
        html`<g style="--c:var(${label.color})"
          ><line class="lead" x1="${label.x + 6}" x2="${right + 16}" y1="${label.y}" y2="${places[i]}" /><text
            class="tinted"
            x="${right + 20}"
            y="${places[i] + 4}"
            >${label.label}</text
          ></g
        > `,
    )}
  </svg>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
