import { StartError } from '../kernel/start-error.ts';

/**
 * Says in one line why a connection to DATABASE_URL failed and what to do; names user, host and database, never the
 * password. Undefined for an error that is not about connecting.
 */
export function connectProblem(error: unknown, databaseUrl: string): StartError | undefined {
  const url = new URL(databaseUrl);
  const where = url.host || 'the local socket';
  const [user, database] = [decodeURIComponent(url.username), decodeURIComponent(url.pathname.slice(1))];
  const { code, message } = error as { code?: unknown; message?: string };
  const problems: Record<string, string> = {
    ECONNREFUSED: `No Postgres answers at ${where}: start it, or correct DATABASE_URL`,
    ENOTFOUND: `The host of DATABASE_URL, ${url.hostname}, does not exist: correct DATABASE_URL`,
    EAI_AGAIN: `The host of DATABASE_URL, ${url.hostname}, cannot be looked up: check the name and this machine's DNS`,
    EHOSTUNREACH: `No way leads to ${where}: check the network, or correct DATABASE_URL`,
    ENETUNREACH: `No way leads to ${where}: check the network, or correct DATABASE_URL`,
    ETIMEDOUT: `Postgres at ${where} does not answer: check the network and its firewall, or correct DATABASE_URL`,
    ECONNRESET: `What listens at ${where} hangs up: check that it is Postgres, or correct DATABASE_URL`,
    '28P01': `Postgres at ${where} refuses the password of user "${user}": correct DATABASE_URL`,
    '28000': `Postgres at ${where} does not let user "${user}" in (${message}): correct DATABASE_URL or pg_hba.conf`,
    '3D000': `Postgres at ${where} has no database "${database}": create it, or correct DATABASE_URL`,
    '42501': `Postgres at ${where} does not let user "${user}" into database "${database}": grant CONNECT on it`,
    '53300': `Postgres at ${where} has no free connection: raise max_connections, or stop what uses them`,
    '57P03': `Postgres at ${where} is starting up or shutting down: try again in a moment`,
  };
  const known = typeof code === 'string' ? problems[code] : undefined;
  if (known !== undefined) return new StartError(known);
  if (/timeout/i.test(message ?? '')) return new StartError(problems.ETIMEDOUT ?? '');
  if (/terminated unexpectedly/i.test(message ?? '')) return new StartError(problems.ECONNRESET ?? '');
  if (/SSL|TLS|certificate|self.signed/i.test(message ?? '')) {
    return new StartError(`No encrypted connection to ${where} (${message}): correct sslmode in DATABASE_URL`);
  }
  if (/SASL|password/i.test(message ?? '')) {
    return new StartError(`Postgres at ${where} asks for a password: add the one of user "${user}" to DATABASE_URL`);
  }
  return undefined;
}
