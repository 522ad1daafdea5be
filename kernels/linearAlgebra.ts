// Float64 linear algebra for pruning with samples, a module of its own: pages that run models never load it.
//
// A work area is a list of tiles of 4 columns, each `[rows][4]`, so that all that a product of two tiles reads lies in a
// row. Four rows of a tile are a group. The first tiles are the upper triangle of a symmetric matrix, whose groups are also
// the rows; others follow that are to be eliminated along with it. Missing rows and columns are those of the identity.
// Below the triangle, a group lower than they would stand, the same tiles may hold the triangle's inverse.

/** Bytes of a tile's row. */
const ROW: usize = 32;
/** Bytes of a group. */
const GROUP: usize = 128;
/** Groups whose rows are subtracted from all below in one go: as much of a tile as stays in the first cache. */
const BLOCK: i32 = 16;

/** Bytes from tile to tile: an odd number of groups, or all tiles would compete for some sets of the cache. */
@inline
function strideOf(groups: i32): usize {
  return <usize>(groups + 1 | 1) * GROUP;
}

/** Bytes of the work area of `solveRow`, or, with `pruned` = `columns` and `blocks` = 0, of `invert`. */
export function workBytes(columns: i32, pruned: i32, filters: i32, blocks: i32): f64 {
  const groups = pruned + 3 >> 2;
  const tiles = groups + (filters + 3 >> 2) + (blocks ? columns - pruned + 3 >> 2 : 0);
  return <f64>(listBytes(columns) + <usize>groups * ROW + GROUP) + <f64>tiles * <f64>strideOf(groups);
}

/** Bytes of a list of columns. */
@inline
function listBytes(columns: i32): usize {
  return <usize>(columns + 3 >> 2) * 16;
}

/**
 * What `BlockRowSolver.solve` does for one row, in place. Gives 0 where the matrix is not positive definite.
 *
 * @param pruned the columns, as int32
 * @param blocks where the inverse blocks go, which are 0 before; 0 if they are not wanted
 */
export function solveRow(
  matrix: usize, columns: i32, taps: i32, pruned: usize, count: i32, weights: usize, filters: i32, blocks: usize, work: usize,
): i32 {
  const kept = work, keptCount = columns - count;
  listOthers(pruned, count, columns, kept);
  const groups = count + 3 >> 2, filterTiles = filters + 3 >> 2, keptTiles = blocks ? keptCount + 3 >> 2 : 0;
  const stride = strideOf(groups), floors = work + listBytes(columns), sums = floors + <usize>groups * ROW;
  const tiles = sums + GROUP;
  const filterTile = tiles + <usize>groups * stride, keptTile = filterTile + <usize>filterTiles * stride;
  const rowBytes = <usize>columns << 3;
  gatherTriangle(matrix, columns, pruned, count, floors, tiles);
  for (let t = 0; t < filterTiles; t++) {
    const row = weights + <usize>(t << 2) * rowBytes;
    gather(row, row + rowBytes, row + 2 * rowBytes, row + 3 * rowBytes, min(4, filters - (t << 2)), pruned, count, filterTile + <usize>t * stride);
  }
  for (let t = 0; t < keptTiles; t++) {
    gatherListed(matrix, columns, kept, keptCount, t, pruned, count, keptTile + <usize>t * stride);
  }
  if (!eliminate(tiles, stride, groups, groups + filterTiles + keptTiles, floors, false)) return 0;
  for (let f = 0; f < filters; f += 4) {
    const tile = filterTile + <usize>(f >> 2) * stride, to = weights + <usize>f * rowBytes, some = min(4, filters - f);
    if (blocks) {
      for (let t = 0; t < keptTiles; t++) {
        multiply(sums, tile, keptTile + <usize>t * stride, <usize>groups * GROUP);
        addSums(sums, to, rowBytes, some, kept + <usize>(t << 4), min(4, keptCount - (t << 2)));
      }
    } else {
      substituteBack(tiles, stride, groups, tile);
      for (let g = 0; g < groups; g++) {
        subtractRows(matrix, rowBytes, pruned + <usize>(g << 4), min(4, count - (g << 2)), tile + <usize>g * GROUP, to, some);
      }
    }
    for (let i = 0; i < count; i++) {
      const at = to + (<usize>load<i32>(pruned + (<usize>i << 2)) << 3);
      for (let r = 0; r < some; r++) store<f64>(at + <usize>r * rowBytes, 0);
    }
  }
  if (blocks) restBlocks(matrix, columns, taps, kept, keptCount, keptTile, stride, groups, sums, blocks);
  return 1;
}

/** Replaces a symmetric matrix by its inverse. Gives 0 where it is not positive definite; the matrix stays then. */
export function invert(matrix: usize, columns: i32, work: usize): i32 {
  const groups = columns + 3 >> 2, stride = strideOf(groups);
  const floors = work + listBytes(columns), sums = floors + <usize>groups * ROW, tiles = sums + GROUP;
  for (let i = 0; i < columns; i++) store<i32>(work + (<usize>i << 2), i);
  gatherTriangle(matrix, columns, work, columns, floors, tiles);
  for (let t = 0; t < groups; t++) {
    const tile = tiles + <usize>t * stride + <usize>(t + 1) * GROUP;
    memory.fill(tile, 0, <usize>(groups - t) * GROUP);
    for (let r: usize = 0; r < 4; r++) store<f64>(tile + r * (ROW + 8), 1);
  }
  if (!eliminate(tiles, stride, groups, groups, floors, true)) return 0;
  for (let u = 0; u < groups; u++) {
    const below = <usize>(u + 1) * GROUP;
    for (let t = 0; t <= u; t++) {
      multiply(sums, tiles + <usize>t * stride + below, tiles + <usize>u * stride + below, <usize>(groups - u) * GROUP);
      for (let r = 0; r < min(4, columns - (t << 2)); r++) {
        for (let c = 0; c < min(4, columns - (u << 2)); c++) {
          const value = -load<f64>(sums + <usize>((r << 2) + c << 3)), a = (t << 2) + r, b = (u << 2) + c;
          store<f64>(matrix + (<usize>a * columns + b << 3), value);
          store<f64>(matrix + (<usize>b * columns + a << 3), value);
        }
      }
    }
  }
  return 1;
}

/** The diagonal blocks of the matrix less the product of the kept columns' tiles. */
function restBlocks(
  matrix: usize, columns: i32, taps: i32, kept: usize, count: i32, tiles: usize, stride: usize, groups: i32, sums: usize,
  blocks: usize,
): void {
  const channels = columns / taps;
  for (let t = 0; t < count; t += 4) {
    // Tiles go together as long as they may share a channel.
    const last = load<i32>(kept + (<usize>min(t + 3, count - 1) << 2)) / taps;
    for (let u = t; u < count && load<i32>(kept + (<usize>u << 2)) / taps <= last; u += 4) {
      multiply(sums, tiles + <usize>(t >> 2) * stride, tiles + <usize>(u >> 2) * stride, <usize>groups * GROUP);
      for (let r = 0; r < min(4, count - t); r++) {
        const a = load<i32>(kept + (<usize>(t + r) << 2)), channel = a / taps;
        if (channel >= channels) break;
        for (let c = 0; c < min(4, count - u); c++) {
          const b = load<i32>(kept + (<usize>(u + c) << 2));
          if (b / taps != channel) continue;
          const value = load<f64>(matrix + (<usize>a * columns + b << 3)) + load<f64>(sums + <usize>((r << 2) + c << 3));
          store<f64>(blocks + (<usize>(a * taps + b % taps) << 3), value);
          store<f64>(blocks + (<usize>(b * taps + a % taps) << 3), value);
        }
      }
    }
  }
}

/** The columns that are not in an ascending list. */
function listOthers(list: usize, count: i32, columns: i32, to: usize): void {
  const end = list + (<usize>count << 2);
  for (let c = 0; c < columns; c++) {
    if (list < end && load<i32>(list) == c) {
      list += 4;
    } else {
      store<i32>(to, c);
      to += 4;
    }
  }
}

/** The tiles of a part of the matrix, and for each pivot how small it may become. */
function gatherTriangle(matrix: usize, columns: i32, list: usize, count: i32, floors: usize, tiles: usize): void {
  const groups = count + 3 >> 2, stride = strideOf(groups);
  for (let t = 0; t < groups; t++) {
    gatherListed(matrix, columns, list, count, t, list, min(count, (t << 2) + 4), tiles + <usize>t * stride);
  }
  const tolerance = <f64>columns * f64.EPSILON;
  for (let i = 0; i < count; i++) {
    const column = <usize>load<i32>(list + (<usize>i << 2));
    store<f64>(floors + (<usize>i << 3), tolerance * load<f64>(matrix + (column * <usize>(columns + 1) << 3)));
  }
  for (let i = count; i < groups << 2; i++) {
    store<f64>(floors + (<usize>i << 3), 0);
    store<f64>(tiles + <usize>(groups - 1) * stride + <usize>i * ROW + (<usize>(i & 3) << 3), 1);
  }
}

/** Tile t of the listed columns of the matrix: as it is symmetric, of its rows. */
function gatherListed(matrix: usize, columns: i32, list: usize, count: i32, t: i32, rows: usize, rowCount: i32, to: usize): void {
  const some = min(4, count - (t << 2));
  list += <usize>(t << 4);
  const rowBytes = <usize>columns << 3;
  const q0 = matrix + <usize>load<i32>(list) * rowBytes;
  const q1 = some > 1 ? matrix + <usize>load<i32>(list, 4) * rowBytes : q0;
  const q2 = some > 2 ? matrix + <usize>load<i32>(list, 8) * rowBytes : q0;
  const q3 = some > 3 ? matrix + <usize>load<i32>(list, 12) * rowBytes : q0;
  gather(q0, q1, q2, q3, some, rows, rowCount, to);
}

/** The listed values of four arrays, of which `some` are there, and zeros up to the end of the last group. */
function gather(q0: usize, q1: usize, q2: usize, q3: usize, some: i32, list: usize, count: i32, to: usize): void {
  if (some < 2) q1 = q0;
  if (some < 3) q2 = q0;
  if (some < 4) q3 = q0;
  const end = to + <usize>count * ROW;
  for (let at = to; at < end; at += ROW, list += 4) {
    const i = <usize>load<i32>(list) << 3;
    v128.store(at, v128.load64_lane(q1 + i, v128.load64_zero(q0 + i), 1));
    v128.store(at, v128.load64_lane(q3 + i, v128.load64_zero(q2 + i), 1), 16);
  }
  for (let lane = some; lane < 4; lane++) {
    for (let at = to; at < end; at += ROW) store<f64>(at + (<usize>lane << 3), 0);
  }
  if (count & 3) memory.fill(end, 0, <usize>(4 - (count & 3)) * ROW);
}

/**
 * Turns the rows of all tiles into those of `L^-1 tiles`, where `L L^T` is the matrix of the triangle; on the diagonal
 * stand the reciprocals. False where there is no such L.
 *
 * @param inverts whether L^-1 itself is computed below the triangle, where the identity is
 */
function eliminate(tiles: usize, stride: usize, groups: i32, count: i32, floors: usize, inverts: bool): bool {
  for (let first = 0; first < groups; first += BLOCK) {
    const end = min(first + BLOCK, groups);
    for (let t = first; t < count; t++) {
      if (!advance(tiles, stride, tiles + <usize>t * stride, first, end, min(t + 1, groups), t, floors)) return false;
    }
    if (!inverts) continue;
    for (let t = 0; t < end; t++) {
      advance(tiles, stride, tiles + <usize>t * stride + GROUP, max(first, t), end, groups, -1, floors);
    }
  }
  return true;
}

/**
 * Eliminates the groups first .. end - 1 in a tile, from themselves and all others before `last`.
 *
 * @param diagonal the group of the tile that lies on the diagonal
 */
function advance(tiles: usize, stride: usize, tile: usize, first: i32, end: i32, last: i32, diagonal: i32, floors: usize): bool {
  const top = <usize>first * GROUP;
  for (let g = first; g < last; g++) {
    const rows = tile + <usize>g * GROUP, pivots = tiles + <usize>g * stride;
    subtractProduct(rows, pivots + top, tile + top, <usize>(min(g, end) - first) * GROUP);
    if (g >= end) continue;
    if (g != diagonal) substitute(rows, pivots + <usize>g * GROUP);
    else if (!factor(rows, floors + <usize>g * ROW)) return false;
  }
  return true;
}

/** to[r][c] -= the sum over rows of a[.][r] * b[.][c]. */
function subtractProduct(to: usize, a: usize, b: usize, bytes: usize): void {
  let x0 = v128.load(to), y0 = v128.load(to, 16), x1 = v128.load(to, 32), y1 = v128.load(to, 48);
  let x2 = v128.load(to, 64), y2 = v128.load(to, 80), x3 = v128.load(to, 96), y3 = v128.load(to, 112);
  for (const end = a + bytes; a < end; a += ROW, b += ROW) {
    const x = v128.load(b), y = v128.load(b, 16);
    let s = v128.load64_splat(a);
    x0 = f64x2.sub(x0, f64x2.mul(s, x)); y0 = f64x2.sub(y0, f64x2.mul(s, y));
    s = v128.load64_splat(a, 8);
    x1 = f64x2.sub(x1, f64x2.mul(s, x)); y1 = f64x2.sub(y1, f64x2.mul(s, y));
    s = v128.load64_splat(a, 16);
    x2 = f64x2.sub(x2, f64x2.mul(s, x)); y2 = f64x2.sub(y2, f64x2.mul(s, y));
    s = v128.load64_splat(a, 24);
    x3 = f64x2.sub(x3, f64x2.mul(s, x)); y3 = f64x2.sub(y3, f64x2.mul(s, y));
  }
  v128.store(to, x0); v128.store(to, y0, 16); v128.store(to, x1, 32); v128.store(to, y1, 48);
  v128.store(to, x2, 64); v128.store(to, y2, 80); v128.store(to, x3, 96); v128.store(to, y3, 112);
}

/** The negative of the product that `subtractProduct` subtracts. */
function multiply(to: usize, a: usize, b: usize, bytes: usize): void {
  memory.fill(to, 0, GROUP);
  subtractProduct(to, a, b, bytes);
}

/** Factors a group on the diagonal. */
function factor(rows: usize, floors: usize): bool {
  for (let i: usize = 0; i < 4; i++) {
    const pivot = rows + i * (ROW + 8), value = load<f64>(pivot);
    if (!(value > load<f64>(floors + (i << 3)) && value < Infinity)) return false;
    const scale = 1 / sqrt(value);
    for (let j = i + 1; j < 4; j++) {
      const at = rows + i * ROW + (j << 3), x = load<f64>(at) * scale;
      store<f64>(at, x);
      for (let r = i + 1; r <= j; r++) {
        const below = rows + r * ROW + (j << 3);
        store<f64>(below, load<f64>(below) - load<f64>(rows + i * ROW + (r << 3)) * x);
      }
    }
    store<f64>(pivot, scale);
  }
  return true;
}

/** Multiplies a group by the inverse of the transpose of a triangle. */
function substitute(rows: usize, triangle: usize): void {
  for (let i: usize = 0; i < 4; i++) {
    const to = rows + i * ROW;
    let x = v128.load(to), y = v128.load(to, 16);
    for (let j: usize = 0; j < i; j++) {
      const s = v128.load64_splat(triangle + j * ROW + (i << 3));
      x = f64x2.sub(x, f64x2.mul(s, v128.load(rows + j * ROW)));
      y = f64x2.sub(y, f64x2.mul(s, v128.load(rows + j * ROW, 16)));
    }
    const s = v128.load64_splat(triangle + i * (ROW + 8));
    v128.store(to, f64x2.mul(s, x));
    v128.store(to, f64x2.mul(s, y), 16);
  }
}

/** Multiplies a tile by the inverse of the triangle. */
function substituteBack(tiles: usize, stride: usize, groups: i32, tile: usize): void {
  for (let g = groups - 1; g >= 0; g--) {
    const pivots = tiles + <usize>g * stride, rows = tile + <usize>g * GROUP, triangle = pivots + <usize>g * GROUP;
    for (let i: usize = 3; i < 4; i--) {
      const s = v128.load64_splat(triangle + i * (ROW + 8));
      v128.store(rows + i * ROW, f64x2.mul(s, v128.load(rows + i * ROW)));
      v128.store(rows + i * ROW, f64x2.mul(s, v128.load(rows + i * ROW, 16)), 16);
      for (let r: usize = 0; r < i; r++) subtractScaled(rows + r * ROW, load<f64>(triangle + r * ROW + (i << 3)), rows + i * ROW);
    }
    for (let row: usize = 0; row < <usize>g * GROUP; row += ROW) {
      for (let i: usize = 0; i < 4; i++) subtractScaled(tile + row, load<f64>(pivots + row + (i << 3)), rows + i * ROW);
    }
  }
}

/** to[c] -= scale * from[c] for the columns of a tile. */
@inline
function subtractScaled(to: usize, scale: f64, from: usize): void {
  const s = f64x2.splat(scale);
  v128.store(to, f64x2.sub(v128.load(to), f64x2.mul(s, v128.load(from))));
  v128.store(to, f64x2.sub(v128.load(to, 16), f64x2.mul(s, v128.load(from, 16))), 16);
}

/** Adds values [filter][column] to the listed columns of weights. */
function addSums(sums: usize, to: usize, rowBytes: usize, filters: i32, list: usize, count: i32): void {
  for (let c = 0; c < count; c++) {
    const at = to + (<usize>load<i32>(list + (<usize>c << 2)) << 3);
    for (let f = 0; f < filters; f++) {
      const weight = at + <usize>f * rowBytes;
      store<f64>(weight, load<f64>(weight) + load<f64>(sums + <usize>((f << 2) + c << 3)));
    }
  }
}

/** Subtracts from each filter's weights the sum of up to four listed rows of the matrix, times factors [row][filter]. */
function subtractRows(matrix: usize, rowBytes: usize, list: usize, count: i32, factors: usize, to: usize, filters: i32): void {
  // With fewer than four the first one stands for those that are not there; their factors are 0.
  const q0 = matrix + <usize>load<i32>(list) * rowBytes;
  const q1 = count > 1 ? matrix + <usize>load<i32>(list, 4) * rowBytes : q0;
  const q2 = count > 2 ? matrix + <usize>load<i32>(list, 8) * rowBytes : q0;
  const q3 = count > 3 ? matrix + <usize>load<i32>(list, 12) * rowBytes : q0;
  for (let f = 0; f < filters; f++, factors += 8, to += rowBytes) {
    const f0 = load<f64>(factors), f1 = load<f64>(factors, 32), f2 = load<f64>(factors, 64), f3 = load<f64>(factors, 96);
    const s0 = f64x2.splat(f0), s1 = f64x2.splat(f1), s2 = f64x2.splat(f2), s3 = f64x2.splat(f3);
    let at: usize = 0;
    for (const end = rowBytes & ~15; at < end; at += 16) {
      const first = f64x2.add(f64x2.mul(s0, v128.load(q0 + at)), f64x2.mul(s1, v128.load(q1 + at)));
      const second = f64x2.add(f64x2.mul(s2, v128.load(q2 + at)), f64x2.mul(s3, v128.load(q3 + at)));
      v128.store(to + at, f64x2.sub(v128.load(to + at), f64x2.add(first, second)));
    }
    if (at < rowBytes) {
      const first = f0 * load<f64>(q0 + at) + f1 * load<f64>(q1 + at), second = f2 * load<f64>(q2 + at) + f3 * load<f64>(q3 + at);
      store<f64>(to + at, load<f64>(to + at) - (first + second));
    }
  }
}
