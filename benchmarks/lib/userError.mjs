/** What the user can put right. The command prints the message as one line, without a stack, and exits with 1. */
export class UserError extends Error {
  name = 'UserError';
}
