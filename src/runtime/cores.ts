/** Threads that the machine runs at once, as far as it tells. */
export function availableCores(): number {
  const {navigator, process} = globalThis as {
    navigator?: {hardwareConcurrency?: number};
    process?: {getBuiltinModule?: (name: string) => {availableParallelism(): number} | undefined};
  };
  return process?.getBuiltinModule?.('node:os')?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
}
