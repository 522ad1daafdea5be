/** Rates at which a layer is tried; the last is the most that it gets. */
export const TRIAL_RATES = [0.3, 0.5, 0.7, 0.85] as const;

/**
 * The loss at any rate from those that were measured: its logarithm is interpolated, and goes on below the first.
 *
 * @param losses at `TRIAL_RATES`
 */
export function interpolateLoss(losses: readonly number[]): (rate: number) => number {
  const logs: number[] = [];
  for (const loss of losses) logs.push(Math.max(Math.log(Math.max(loss, 1e-6)), logs.at(-1) ?? -Infinity));
  const [first, second] = TRIAL_RATES;
  const atZero = logs[0] - (Math.max(logs[1] - logs[0], 0.3) / (second - first)) * first;
  const rates = [0, ...TRIAL_RATES];
  const values = [atZero, ...logs];
  return (rate) => {
    if (rate <= 0) return 0;
    let i = 1;
    while (i < rates.length - 1 && rates[i] < rate) i++;
    const share = (rate - rates[i - 1]) / (rates[i] - rates[i - 1]);
    return Math.exp(values[i - 1] + share * (values[i] - values[i - 1]));
  };
}
