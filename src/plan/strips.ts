// Which convolutions run as a chain, in strips of rows that stay in the cache.

/** A convolution, depthwise or not, as far as chains depend on it. */
export interface Stage {
  readonly depthwise: boolean;
  readonly batch: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  /** Input rows from the first to the last that an output row depends on. */
  readonly reach: number;
  readonly stride: number;
  /** Whether the output is read by the next stage alone. */
  readonly handsOn: boolean;
  /** Bytes of working memory of a thread. */
  readonly scratchBytes: number;
}

/** How a chain is cut. */
export interface StripCut {
  /** Bands of an image, each with its own beginning; rows of the last stage's output. */
  readonly bands: number;
  readonly bandRows: number;
  readonly stripRows: number;
  /** Rows that are held of each inner stage's output. */
  readonly heldRows: readonly number[];
}

/** Smaller tensors stay in the second-level cache as they are: 400 KiB and 800 gained alike with one of 2 MiB. */
const WORTH_BYTES = 800 * 1024;
/** What a chain holds is to stay in that cache beside the weights. */
const HELD_BYTES = 256 * 1024;
/** A longer chain would hold rows of too many stages. */
const MOST_STAGES = 3;
/**
 * Bands for each thread. Each computes some rows of its neighbour's once more: with two, a second thread made MobileNetV2's
 * chains 1.77 to 1.93 times as fast, with one 1.84 to 1.95.
 */
const BANDS_A_THREAD = 1;

/**
 * Finds the chains among convolutions that run one after the other.
 *
 * @param worthBytes of a tensor between two stages from which on they are a chain
 * @returns for every chain its first stage and the one behind its last
 */
export function findChains(
  stages: readonly (Stage | null)[],
  worthBytes = WORTH_BYTES,
): [begin: number, end: number][] {
  const chains: [number, number][] = [];
  for (let begin = 0; begin < stages.length;) {
    let end = begin + 1;
    while (end < stages.length && end - begin < MOST_STAGES && isWorthIt(stages[end - 1], stages[end], worthBytes))
      end++;
    if (end - begin > 1) chains.push([begin, end]);
    begin = end;
  }
  return chains;
}

/** Whether the output of one stage had better be handed to the next in strips. */
function isWorthIt(a: Stage | null, b: Stage | null, worthBytes: number): boolean {
  if (!a || !b || !a.handsOn || (!a.depthwise && !b.depthwise)) return false;
  const fits =
    a.batch === b.batch &&
    a.outHeight === b.inHeight &&
    a.outWidth === b.inWidth &&
    a.outChannels === b.inChannels &&
    b.reach >= b.stride; // no row is passed over
  return fits && lineBytes(a) * a.outHeight >= worthBytes;
}

/** Cuts a chain for a number of threads. Values do not depend on it. */
export function cutStrips(chain: readonly Stage[], threads: number): StripCut {
  const last = chain[chain.length - 1];
  const wanted = threads === 1 ? 1 : Math.ceil((threads * BANDS_A_THREAD) / last.batch);
  const bandRows = Math.ceil(last.outHeight / Math.min(wanted, last.outHeight));
  const bands = Math.ceil(last.outHeight / bandRows);
  let stripRows = 1;
  let heldRows = rowsHeld(chain, 1);
  while (stripRows < bandRows) {
    const more = rowsHeld(chain, stripRows + 1);
    if (bytesHeld(chain, more) > HELD_BYTES) break;
    stripRows++;
    heldRows = more;
  }
  return {bands, bandRows, stripRows, heldRows};
}

/** Rows of each inner stage's output that so many rows of the last one's depend on. */
function rowsHeld(chain: readonly Stage[], stripRows: number): number[] {
  const rows: number[] = [];
  for (let i = chain.length - 1, needed = stripRows; i > 0; i--) {
    needed = Math.min(chain[i].inHeight, (needed - 1) * chain[i].stride + chain[i].reach);
    rows.unshift(needed);
  }
  return rows;
}

function bytesHeld(chain: readonly Stage[], rows: readonly number[]): number {
  return rows.reduce((sum, count, i) => sum + count * lineBytes(chain[i]), 0);
}

/** Bytes of an output row. */
export function lineBytes({outWidth, outChannels}: Stage): number {
  return 4 * outWidth * outChannels;
}
