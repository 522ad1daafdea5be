import type {RecordedProgram} from './recordCalls';

/** What our kernels compute at a time: one kernel's work, or a chain's. */
export interface TaskReport {
  /** tfjs's kernels and the shapes of their outputs; those of a chain, of which the inner ones are never whole, with > between. */
  readonly kernels: string;
  /** Pieces that threads take in turn. */
  readonly pieces: number;
  /** What the cost model expects of one core of its reference machine; 0 where it does not know. */
  readonly expectedMs: number;
}

/** A region, which runs as one call into WebAssembly, or a kernel between two regions that is called as ever. */
export type StepReport = {readonly tasks: readonly TaskReport[]} | {readonly call: string};

/** How one kind of inference of a model runs. */
export interface PlanReport {
  /** Inputs and outputs by name, as JSON. */
  readonly kind: string;
  /** Types and shapes of the inputs. */
  readonly inputs: string;
  /** Why it runs kernel by kernel; null if it is planned. */
  readonly obstacle: string | null;
  readonly steps: readonly StepReport[];
  /** Kernels of tfjs that the regions compute. Those that only give data another shape count nowhere. */
  readonly kernelsInRegions: number;
  /** Memory that all tensors between the inputs and the outputs share, beside that of other plans. */
  readonly arenaBytes: number;
  /** What the plan itself takes. */
  readonly programBytes: number;
}

export function stepReports({steps, tasks}: RecordedProgram): StepReport[] {
  return steps.map((step) => {
    if (step.kind === 'call') return {call: step.call.kernelName};
    const own = tasks.slice(step.begin, step.end);
    return {tasks: own.map(({label, units, workMs}) => ({kernels: label, pieces: units, expectedMs: workMs}))};
  });
}
