import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config.ts';
import type { Instruments } from '../kernel/instruments.ts';

/** Wherever these names stand in what is logged, what they hold is left out. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'token',
  'paymentToken',
  'payment_token',
  'secret',
  'password',
  'address',
  'connectionParams',
  'variables',
];
/** What Postgres adds to an error holds values of rows: addresses, keys, texts. */
const ROW_NAMES = ['detail', 'where', 'parameters', 'internalQuery'];

const REDACTED = [...SECRET_NAMES, ...ROW_NAMES].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** The server's log: one JSON object a line. While requests are followed, each line says whose it is. */
export function createLog(
  level: LogLevel,
  instruments: Instruments,
  destination?: { write: (line: string) => void },
): Logger {
  const options = {
    level,
    redact: REDACTED,
    ...(instruments.followsRequests && {
      mixin: () => {
        const { requestId, span } = instruments.cause ?? {};
        return { ...(requestId && { requestId }), ...(span && { traceId: span.traceparent.split('-')[1] }) };
      },
    }),
  };
  return destination ? pino(options, destination) : pino(options);
}
