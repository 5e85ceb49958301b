/**
 * A problem at start that the operator can mend: a wrong setting, a taken port, an unreachable server.
 * `message` says in one line what is wrong and what to do; it is shown without a stack and never holds a secret.
 */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}
