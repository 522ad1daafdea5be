// The simulation of `npm run bench:scaling`: how well pieces of work fill threads. Arithmetic; nothing is timed.

/**
 * When the last thread is done if each takes the next piece as soon as it is free.
 *
 * @param {readonly number[]} pieces durations at speed 1, in the order in which they are taken
 * @param {readonly number[]} speeds one a thread; the calling thread's first
 * @returns {number}
 */
export function playSchedule(pieces, speeds) {
  const free = speeds.map(() => 0);
  for (const piece of pieces) {
    const next = free.indexOf(Math.min(...free));
    free[next] += piece / speeds[next];
  }
  return Math.max(...free);
}

/**
 * @typedef {object} Efficiency shares of what the threads could do at their speeds
 * @property {number} bound what the pieces allow
 * @property {number} withDispatch less the beginning of every call and the dispatch to workers
 */

/**
 * The work of one thread over what the threads could have done in the time that they take, layer after layer.
 *
 * @param {readonly Omit<import('./pieces.mjs').PlannedLayer, 'name'>[]} layers planned for as many threads as there are
 *     speeds
 * @param {readonly number[]} speeds
 * @returns {Efficiency}
 */
export function efficiency(layers, speeds) {
  const speed = sum(speeds);
  const work = sum(layers.map(({alone}) => alone));
  const span = sum(layers.map(({pieces}) => playSchedule(pieces, speeds)));
  const calls = sum(layers.map(({call}) => call));
  const forks = sum(layers.map(({fork}) => fork));
  return {bound: work / (span * speed), withDispatch: (work + calls) / ((span + calls + forks) * speed)};
}

/**
 * @typedef {object} LayerRow one layer, or several of one name
 * @property {string} name
 * @property {number} count how many there are
 * @property {number} alone nanoseconds of one of them on one thread
 * @property {number} span nanoseconds of one of them on all threads
 * @property {number} pieces of one of them
 * @property {number} efficiency share of the threads' speed that is used
 * @property {number} loss what all of them leave unused, as a share of what the threads could do during the network
 */

/**
 * Layers by what they leave unused, most first.
 *
 * @param {readonly import('./pieces.mjs').PlannedLayer[]} layers alike where they have the same name
 * @param {readonly number[]} speeds
 * @returns {LayerRow[]}
 */
export function rankLayers(layers, speeds) {
  const speed = sum(speeds);
  const all = sum(layers.map(({pieces}) => playSchedule(pieces, speeds))) * speed;
  const rows = new Map();
  for (const {name, alone, pieces} of layers) {
    const span = playSchedule(pieces, speeds);
    const count = (rows.get(name)?.count ?? 0) + 1;
    const loss = (count * (span * speed - alone)) / all;
    rows.set(name, {name, count, alone, span, pieces: pieces.length, efficiency: alone / (span * speed), loss});
  }
  return [...rows.values()].sort((a, b) => b.loss - a.loss);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
