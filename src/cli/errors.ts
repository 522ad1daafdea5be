/** What goes wrong at the command line, and the exit codes that it has. */

/** Exit code of a command that failed. */
export const FAILED = 1;
/** Exit code of a command line that makes no sense. */
export const MISUSED = 2;

/** A failure that the user can do something about: told in one line. */
export class UserError extends Error {
  readonly exitCode: number = FAILED;
}

/** A command line that makes no sense. */
export class UsageError extends UserError {
  override readonly exitCode = MISUSED;
}

/** The message of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

/** Runs what checks options of the command line: what the library says of options or shapes is a misuse. */
export async function checkingUsage<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const message = messageOf(error);
    if (/^(Unknown p|P)rune option|^inputShapes /.test(message)) throw new UsageError(message, {cause: error});
    throw error;
  }
}
