/** The hook: every graph model that is loaded later comes pruned. */
import type {io} from '@tensorflow/tfjs-core';
import {installLoadHook, setRewriter} from './loadHook';
import {pruneWhenReady, type OpenSolver, type PruneResult} from './prune';
import {checkPruneOnLoadOptions} from './pruneChecks';
import type {PruneOnLoadOptions, PruneOptions} from './pruneOptions';
import {whenReady} from './whenReady';

/**
 * Prunes every graph model that is loaded from now on, by whatever way; `null` ends that. Options hold until the next
 * call. `loadGraphModelSync` works too, unless a function among the options returns a promise.
 *
 * A model is pruned whatever backend is active. See `pruneGraphModel` for what is done to it.
 *
 * @throws TypeError or RangeError at once for options that make no sense; names of layers are checked when a model
 *     is loaded.
 */
export function pruneOnLoad(options: PruneOnLoadOptions | null, openSolver?: OpenSolver): void {
  if (options === null) {
    setRewriter('prune', null);
    return;
  }
  checkPruneOnLoadOptions(options);
  // A copy: what the caller does to the object later changes nothing.
  const {match, onReport, ...rest} = options;
  const pruneOptions: PruneOptions = rest;
  installLoadHook();
  setRewriter('prune', {
    applies: (_artifacts, url) => !(match instanceof RegExp) || matchesUrl(match, url),
    rewrite(artifacts, url) {
      const finish = ({artifacts: pruned, report}: PruneResult): io.ModelArtifacts => {
        onReport?.(report, url);
        return pruned;
      };
      const isMeant = typeof match === 'function' ? match(artifacts, url) : true;
      return whenReady<boolean, io.ModelArtifacts>(isMeant, (meant) =>
        meant ? whenReady(pruneWhenReady(artifacts, pruneOptions, openSolver), finish) : artifacts,
      );
    },
  });
}

function matchesUrl(match: RegExp, url: string | undefined): boolean {
  // Without the flags that make a RegExp remember where it stopped.
  return url !== undefined && new RegExp(match.source, match.flags.replace(/[gy]/g, '')).test(url);
}
