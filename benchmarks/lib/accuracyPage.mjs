// The page of accuracy: tables in Markdown, plots in SVG, from results alone.
import {html, trusted} from './html.mjs';
import {lineChart, ticksBetween} from './htmlCharts.mjs';
import {STYLE} from './htmlStyle.mjs';

const COLORS = ['--n1', '--n4', '--n16', '--n32', '--n8', '--n2'];

/** Columns that a row has a figure for; those that no row of a section has are left out. */
const COLUMNS = [
  {head: 'top-1', cell: ({pruned}) => fixed(pruned.top1, 1)},
  {head: 'drop', cell: ({dense, pruned}) => (pruned.top1 === null ? null : fixed(dense.top1 - pruned.top1, 1))},
  {head: 'top-5', cell: ({pruned}) => fixed(pruned.top5, 1)},
  {head: 'agreement', cell: ({pruned}) => fixed(pruned.agreement, 1)},
  {head: 'KL', cell: ({pruned}) => fixed(pruned.kl, 3)},
  {head: 'relative error', cell: ({pruned}) => (pruned.top1 === null ? precise(pruned.relativeError) : null)},
  {head: 'dB', cell: ({pruned}) => (pruned.top1 === null ? fixed(pruned.decibels, 1) : null)},
  {head: 'multiply-adds kept', cell: ({kept, keptOfAll}) => shares(kept.macs, keptOfAll.macs)},
  {head: 'weights kept', cell: ({kept, keptOfAll}) => shares(kept.weights, keptOfAll.weights)},
  {
    head: 'ms, dense -> pruned',
    cell: ({speedup}) => speedup && `${speedup.denseMs.toFixed(1)} -> ${speedup.prunedMs.toFixed(1)}`,
  },
  {head: 'dense / pruned', cell: ({speedup}) => speedup && fixed(speedup.measured, 2)},
  {head: 'tfjs-wasm / pruned', cell: ({speedup}) => speedup && fixed(speedup.stock, 2)},
  {head: 'seconds to prune', cell: ({seconds}) => fixed(seconds, seconds < 10 ? 1 : 0)},
  {head: 'GB', cell: ({peakBytes}) => fixed(peakBytes / 1e9, 2)},
];

const LEGEND = `Dense and pruned model answer the same images on this backend. Accuracies, agreement (the share of images to
which both give the same class) and drops are in percent and points; one image of 650 is 0.15 points, and differences below
one point are noise. KL is the mean Kullback-Leibler divergence of the pruned answers from the dense ones, in nats.
Relative error is the squared error of the outputs over their variance; dB the peak signal-to-noise ratio of the first output
to the dense one. Kept are shares of the layers that may be pruned, in brackets those of the whole network. Times are the
smallest of all runs, dense, pruned and tfjs-wasm's dense in turn in one process. Seconds and GB (peak memory of the process)
are those of pruning and repair. Repair (\`repair: 'closed'\`) learns from images without labels. Of a 1x1
convolution a kernel is a single weight.`;

/**
 * The page.
 *
 * @param {object} content
 * @param {{row: import('./accuracyPlan.mjs').Row, entry: import('./accuracyRecord.mjs').Entry}[]} content.results
 * @param {{id: string, message: string}[]} content.failures
 * @param {number} content.missing rows of the plan without a result
 * @param {(slug: string) => string} content.plotName of a section's plot
 * @returns {{page: string, plots: {name: string, svg: string}[]}}
 */
export function renderAccuracy({results, failures, missing, plotName}) {
  const sections = [...new Set(results.map(({row}) => row.section))].map((section) => {
    const rows = results.filter(({row}) => row.section === section);
    const svg = plot(section, rows);
    return {section, rows, plot: svg && {name: plotName(slug(section)), svg}};
  });
  const blocks = [
    '# Accuracy of pruned models',
    'Written by `npm run accuracy:table`; do not edit.',
    LEGEND,
    ...sections.map(renderSection),
    ...(missing > 0 ? [`Not measured yet: ${missing} ${missing === 1 ? 'row' : 'rows'} of the plan.`] : []),
    ...(failures.length > 0 ? [`Failed:\n\n${failures.map(({id, message}) => `- ${id}: ${message}`).join('\n')}`] : []),
  ];
  return {page: `${blocks.join('\n\n')}\n`, plots: sections.flatMap((section) => section.plot ?? [])};
}

function renderSection({section, rows, plot: image}) {
  const reports = rows.map(({entry}) => entry.report);
  const [{dense}] = reports;
  const about = dense.top1 === null ? [] : [`Dense: ${fixed(dense.top1, 2)} top-1, ${fixed(dense.top5, 2)} top-5.`];
  return [
    `## ${section}`,
    ...about,
    ...(image ? [`![accuracy against time](${image.name})`] : []),
    markdownTable(rows),
    howMeasured(rows),
  ].join('\n\n');
}

function markdownTable(rows) {
  const columns = COLUMNS.filter(({cell}) => rows.some(({entry}) => cell(entry.report) !== null));
  const lines = rows.map(({row, entry}) => [row.label, ...columns.map(({cell}) => cell(entry.report) ?? '')]);
  const heads = ['', ...columns.map(({head}) => head)];
  const text = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [text(heads), `|---|${'--:|'.repeat(columns.length)}`, ...lines.map(text)].join('\n');
}

/** Where and when, and the command of every row. */
function howMeasured(rows) {
  const places = rows.map(({entry: {commit, report}}) => {
    const {machine, date} = report.about;
    const {cpu, cores, memoryGB, platform, node, tfjs, variant} = machine;
    const where = `${cpu}, ${cores} cores, ${memoryGB} GB, ${platform}, Node ${node}, tfjs ${tfjs}, ${variant} kernels`;
    return `${date}, ${where}${commit ? `, commit ${commit}` : ''}`;
  });
  const lines = rows.map(({row, entry: {args, report}}) => {
    const {samples, options} = report.about;
    const timed = report.speedup ? `timed on ${count(report.speedup.threads, 'thread')}` : 'not timed';
    const made = `${count(report.dense.n, 'image')}, ${count(samples, 'sample')}, pruned on ${count(options.threads, 'thread')}, ${timed}`;
    const warnings = (report.repair?.warnings ?? []).map((warning) => `; warning: ${warning}`).join('');
    return `- ${row.label} (${made}${warnings}): \`npm run accuracy -- ${args.map(quoted).join(' ')}\``;
  });
  const distinct = [...new Set(places)];
  const head =
    distinct.length === 1
      ? `Measured ${distinct[0]}.`
      : `Measured:\n\n${distinct.map((place) => `- ${place}: ${listRows(rows, places, place)}`).join('\n')}`;
  return `${head}\n\n<details><summary>Commands</summary>\n\n${lines.join('\n')}\n\n</details>`;
}

function listRows(rows, places, place) {
  return rows
    .filter((_, i) => places[i] === place)
    .map(({row}) => row.label)
    .join('; ');
}

/** Accuracy against measured time, a line a series; null where a section has no series that were timed. */
function plot(section, rows) {
  const timed = rows.filter(
    ({row, entry}) => row.series && entry.report.speedup && measure(entry.report).value !== null,
  );
  if (timed.length === 0) return null;
  const names = [...new Set(timed.map(({row}) => row.series))];
  const {label} = measure(timed[0].entry.report);
  const series = names.map((name, i) => ({
    label: name,
    color: COLORS[i % COLORS.length],
    points: timed
      .filter(({row}) => row.series === name)
      .map(({row, entry: {report}}) => {
        const {value} = measure(report);
        const x = 100 / report.speedup.measured;
        return {x, y: value, title: `${row.label}: ${value.toFixed(2)} at ${x.toFixed(1)}% of the time`};
      })
      .sort((a, b) => a.x - b.x),
  }));
  const {top1} = timed[0].entry.report.dense;
  const levels = top1 === null ? [] : [{label: 'dense', y: top1, title: `dense: ${top1.toFixed(2)}`}];
  const points = series.flatMap((line) => line.points);
  const ys = [...points.map(({y}) => y), ...levels.map(({y}) => y)];
  const xs = points.map(({x}) => x);
  const chart = lineChart({
    name: `${section}: ${label} against measured time`,
    x: {
      label: 'measured time, % of the dense model on this backend',
      ticks: ticksBetween(Math.min(...xs), Math.max(...xs), 6),
      format: String,
    },
    y: {label, ticks: ticksBetween(Math.min(...ys), Math.max(...ys), 7)},
    ...{series, levels},
  });
  return standalone(chart.toString());
}

function measure({pruned: {top1, agreement, decibels}}) {
  if (top1 !== null) return {label: 'top-1, %', value: top1};
  if (agreement !== null) return {label: 'agreement, %', value: agreement};
  return {label: 'dB', value: decibels};
}

/** A chart of a page as a file of its own. */
function standalone(svg) {
  const style = html`<style>
    ${trusted(`${STYLE}svg { background: var(--card); }`)}
  </style>`;
  return svg.replace(/^<svg ([^>]*)>/, `<svg xmlns="http://www.w3.org/2000/svg" $1>${style}`);
}

function slug(section) {
  return section
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

function fixed(value, digits) {
  return typeof value === 'number' ? value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1') : null;
}

function precise(value) {
  return typeof value === 'number' ? String(Number(value.toPrecision(3))) : null;
}

function shares(chosen, all) {
  const percent = (share) => `${(100 * share).toFixed(0)}%`;
  return chosen === null ? null : `${percent(chosen)} (${percent(all)})`;
}

function count(number, noun) {
  return number === 0 ? `no ${noun}s` : `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

function quoted(arg) {
  return /^[\w./:,=-]+$/.test(arg) ? arg : `'${arg}'`;
}
