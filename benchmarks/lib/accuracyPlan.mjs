// What the table of accuracy measures.
import {UPSCALER} from './models.mjs';

const SHARES = [0.25, 0.375, 0.5];
const HEIGHTS = [1, 2, 4, 'auto'];
/** Heights that are distilled too. */
const DISTILLED = [2, 4];

/**
 * Classifiers of ImageNet, the share of their 1x1 convolutions' time that the cost model expects N = 4 to save with half of
 * each layer's blocks gone, how they take pixels, and whether patterns are compared on them.
 */
const CLASSIFIERS = [
  {model: 'mobilenet_v2_1.0_224', title: 'MobileNetV2', time: 0.383, patterns: true},
  {model: 'mobilenet_v1_1.0_224', title: 'MobileNetV1', time: 0.441, patterns: true},
  {
    model: 'mobilenet_edgetpu_0.75_224',
    title: 'MobileNetEdgeTPU 0.75',
    time: 0.254,
    form: ['--mean', '123', '--std', '86.43042'],
  },
];

const REGRESSORS = 'Models that are no classifiers';
const INT_PIXELS = ['--mean', '0', '--std', '1'];

/** Regressors and detectors, how they take pixels, and what of their outputs can be compared value by value. */
const OTHERS = [
  {
    ...{model: 'human:centernet', title: 'centernet', section: REGRESSORS},
    form: [...INT_PIXELS, '--outputs', 'tower_0/wh,tower_0/keypoints'],
  },
  {model: 'human:movenet-lightning', title: 'movenet-lightning', section: REGRESSORS, form: INT_PIXELS},
  {model: 'human:facemesh', title: 'facemesh', section: REGRESSORS, form: ['--mean', '0', '--std', '255']},
  {
    ...{model: 'human:faceres', title: 'faceres', section: REGRESSORS},
    form: [...INT_PIXELS, '--outputs', 'global_pooling/Mean,age_pred/Softmax'],
  },
  {
    ...{model: UPSCALER, title: 'super-resolution x2', section: 'Super-resolution'},
    form: [...INT_PIXELS, '--size', '112,112'],
  },
];
const SOME_SHARES = [0.25, 0.5];
/** Images that these are compared on, and that they learn from. */
const FEW = ['--count', '200'];
const FEW_SAMPLES = 200;

/**
 * @typedef {object} Row one line of the table, one child process
 * @property {string} id
 * @property {string} section heading under which it stands
 * @property {string} label
 * @property {string | null} series line of the section's plot that it is a point of
 * @property {string[]} args of `npm run accuracy`
 */

/**
 * All rows, in the order of the page.
 *
 * @param {{images: string, labels: string, calibration: string, samples: number}} data
 * @returns {Row[]}
 */
export function planAccuracy({images, labels, calibration, samples}) {
  const labelled = ['--images', images, '--labels', labels];
  const learning = ['--calibration', calibration, '--samples'];
  const closed = (count) => ['--repair', 'closed', ...learning, `${count}`];
  const frontiers = CLASSIFIERS.flatMap(({model, title, time, form = [], patterns = false}) => {
    const row = (label, args, series = null) => ({
      ...{id: `${title}: ${label}`, section: title, label, series},
      args: ['--model', model, ...labelled, ...form, ...args],
    });
    const repaired = (n, share, allocation) => [...pruning(n, share, allocation), ...closed(samples)];
    return [
      ...HEIGHTS.flatMap((n) =>
        SHARES.map((share) => {
          const label = `N = ${n}, ${percent(share)} of the multiply-adds, repaired`;
          return row(label, repaired(n, share, 'macs'), `N = ${n}`);
        }),
      ),
      row('N = auto, expected time of N = 4 with half of each layer, repaired', repaired('auto', time, 'latency')),
      ...DISTILLED.map((n) => {
        const args = [...pruning(n, 0.5, 'macs'), '--repair', 'distill', ...learning, `${samples}`];
        return row(`N = ${n}, 50% of the multiply-adds, repaired and distilled`, args);
      }),
      ...(patterns ? paperRows(closed(samples)).map(({label, args}) => row(label, args)) : []),
    ];
  });
  const others = OTHERS.flatMap(({model, title, section, form}) =>
    SOME_SHARES.flatMap((share) =>
      [['--repair', 'none'], closed(FEW_SAMPLES)].map((repair) => {
        const label = `${title}: N = 2, ${percent(share)} of the weights, ${described(repair)}`;
        const compared = ['--model', model, '--images', images, ...FEW, ...form];
        const args = [...compared, ...pruning(2, share, 'weights'), ...repair];
        return {id: label, section, label, series: null, args};
      }),
    ),
  );
  return [...frontiers, ...others];
}

/** The shape of the paper's Table 1 (arXiv 2105.14713): half of each layer goes; its own choice of blocks, then ours. */
function paperRows(repaired) {
  const plain = ['--repair', 'none'];
  const patterns = [
    {name: 'single weights', args: ['--pattern', 'weight']},
    {name: 'kernels', args: ['--pattern', 'kernel']},
    {name: 'N = 2', args: ['--n', '2']},
    {name: 'N = 4', args: ['--n', '4']},
    {name: 'filters', args: ['--pattern', 'filter']},
  ];
  return [
    {name: 'N = 4 at random', args: ['--n', '4', '--criterion', 'random'], repair: plain},
    ...patterns.map((pattern) => ({...pattern, repair: plain})),
    ...patterns.map((pattern) => ({...pattern, repair: repaired})),
  ].map(({name, args, repair}) => ({
    label: `${name}, half of each layer, ${described(repair)}`,
    args: [...args, '--sparsity', '0.5', '--allocation', 'uniform', ...repair],
  }));
}

function described([, repair]) {
  return repair === 'none' ? 'not repaired' : 'repaired';
}

function pruning(n, share, allocation) {
  return ['--n', String(n), '--sparsity', String(share), '--allocation', allocation];
}

function percent(share) {
  return `${100 * share}%`;
}
