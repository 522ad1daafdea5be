// How close the answers of a pruned model are to those of the dense one, and to labels. Arithmetic on outputs.
import {UserError} from './userError.mjs';

/** Models of Google's with so many outputs put a class of background in front. */
const WITH_BACKGROUND = 1001;
/** Probabilities below it count as much. */
const LEAST = 1e-12;
const TOP = 5;

/**
 * @typedef {import('./statistics.mjs').Output & {shape: number[]}} ShapedOutput
 *
 * @typedef {object} Answers of both models to one image
 * @property {ShapedOutput[]} dense
 * @property {ShapedOutput[]} pruned in the same order
 * @property {number | null} label 0 to 999; of all images or of none
 */

/**
 * Compares answers. Shares are in percent. `relativeError`: squared error over variance, the mean over the outputs;
 * `decibels`: peak signal-to-noise ratio of the first output, its peak the range of the dense one. `null` where a figure
 * does not apply, and for decibels where nothing differs.
 *
 * @param {Iterable<Answers> | AsyncIterable<Answers>} answers to one or more images
 * @returns {Promise<Pick<import('./accuracyRun.mjs').AccuracyReport, 'dense' | 'pruned'>>}
 * @throws {UserError} if outputs cannot be compared, or labels are given for what is no classifier
 */
export async function scoreAnswers(answers) {
  const scores = {count: 0, labelled: false, classifier: null, logits: false, agree: 0, kl: 0};
  const sums = {dense: [0, 0], pruned: [0, 0], outputs: []};
  for await (const {dense, pruned, label} of answers) {
    if (scores.count === 0) findClassifier(scores, dense, label);
    scores.count++;
    dense.forEach((output, i) => addErrors((sums.outputs[i] ??= emptySums()), output, pruned[i]));
    if (scores.classifier === null) continue;
    const {name, data: before} = dense[scores.classifier];
    const {data: after} = pruned[scores.classifier];
    if (argmax(before) === argmax(after)) scores.agree++;
    scores.kl += divergence(distribution(before, scores.logits), distribution(after, scores.logits));
    if (!scores.labelled) continue;
    const expected = label + (before.length === WITH_BACKGROUND ? 1 : 0);
    if (expected >= before.length) {
      throw new UserError(`--labels has the class ${label}, but output ${name} has only ${before.length} scores`);
    }
    addRank(sums.dense, before, expected);
    addRank(sums.pruned, after, expected);
  }
  return summarise(scores, sums);
}

function summarise({count, labelled, classifier, agree, kl}, {dense, pruned, outputs}) {
  const percent = (hits) => (100 * hits) / count;
  const ranks = ([first, five]) => (labelled ? {top1: percent(first), top5: percent(five)} : {top1: null, top5: null});
  const answers = classifier === null ? {agreement: null, kl: null} : {agreement: percent(agree), kl: kl / count};
  return {
    dense: {...ranks(dense), n: count},
    pruned: {
      ...ranks(pruned),
      ...answers,
      relativeError: outputs.reduce((sum, output) => sum + relativeError(output), 0) / outputs.length,
      decibels: decibels(outputs[0]),
    },
  };
}

/** Which output is a distribution over classes or, with labels, has scores of classes; null if none. */
function findClassifier(scores, outputs, label) {
  scores.labelled = label !== null;
  const rows = outputs.map(({shape, data}) => shape.length === 2 && shape[0] === 1 && data.length > 1);
  const found = outputs.findIndex(({data}, i) => rows[i] && isDistribution(data));
  scores.classifier = found >= 0 ? found : null;
  if (found >= 0 || !scores.labelled) return;
  const logits = rows.indexOf(true);
  if (logits < 0) {
    const shapes = outputs.map(({name, shape}) => `${name} [${shape}]`).join(', ');
    throw new UserError(`--labels: no output has a score a class, [1, classes]: ${shapes}; leave --labels out`);
  }
  Object.assign(scores, {classifier: logits, logits: true});
}

function isDistribution(data) {
  let sum = 0;
  for (const value of data) {
    if (!(value >= 0)) return false;
    sum += value;
  }
  return Math.abs(sum - 1) < 1e-2;
}

function distribution(data, logits) {
  if (!logits) return data;
  const largest = data.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = Float64Array.from(data, (value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** Kullback-Leibler divergence of `q` from `p`, in nats. */
function divergence(p, q) {
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i] > LEAST) sum += p[i] * Math.log(p[i] / Math.max(q[i], LEAST));
  return Math.max(0, sum); // rounding
}

function argmax(data) {
  let best = 0;
  for (let i = 1; i < data.length; i++) if (data[i] > data[best]) best = i;
  return best;
}

/** Of equal scores the first counts as the higher one, as in argmax; a NaN is never right. */
function addRank(hits, data, expected) {
  const score = data[expected];
  let above = 0;
  if (Number.isNaN(score)) return;
  for (let i = 0; i < data.length; i++) if (data[i] > score || (data[i] === score && i < expected)) above++;
  if (above === 0) hits[0]++;
  if (above < TOP) hits[1]++;
}

function emptySums() {
  return {count: 0, sum: 0, squares: 0, errors: 0, low: Infinity, high: -Infinity};
}

function addErrors(sums, {name, data: a}, {data: b}) {
  if (a.length !== b.length) {
    throw new UserError(
      `output ${name} has ${a.length} values of the dense model and ${b.length} of the pruned one: name outputs whose size ` +
        'does not depend on the image with --outputs',
    );
  }
  for (let i = 0; i < a.length; i++) {
    sums.sum += a[i];
    sums.squares += a[i] * a[i];
    sums.errors += (b[i] - a[i]) ** 2;
    if (a[i] < sums.low) sums.low = a[i];
    if (a[i] > sums.high) sums.high = a[i];
  }
  sums.count += a.length;
}

/** What never changes has no variance and is measured against its size. */
function relativeError({count, sum, squares, errors}) {
  if (errors === 0) return 0;
  const variance = squares - (sum * sum) / count;
  return errors / (variance > 1e-12 * squares ? variance : squares);
}

function decibels({count, errors, low, high}) {
  if (errors === 0) return null;
  return 10 * Math.log10((high - low) ** 2 / (errors / count));
}
