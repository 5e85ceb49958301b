import { type Logger, pino, stdSerializers } from 'pino';
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

/** Postgres refuses a value (class 22, data exceptions) by repeating it, in quotes, in the message itself. */
const isDataException = ({ code, severity }: { code?: unknown; severity?: unknown }) =>
  severity !== undefined && typeof code === 'string' && code.startsWith('22');
const QUOTED = /".*"/gs;
/** Errors that are the cause of another one are followed so far. */
const CAUSES_MAX = 10;

/** As pino writes errors, but for values in the messages of Postgres: they are what people have sent. */
function writeError(error: Error): unknown {
  let repeats = false;
  // What has the error for its cause has its message, too.
  for (let each: unknown = error, depth = 0; each instanceof Error && depth < CAUSES_MAX; each = each.cause, depth++) {
    repeats ||= isDataException(each as { code?: unknown });
  }
  const written = stdSerializers.err(error);
  if (!repeats) return written;
  return {
    ...written,
    message: written.message.replace(QUOTED, '"…"'),
    stack: written.stack.replace(QUOTED, '"…"'),
  };
}

/** The server's log: one JSON object a line. While requests are followed, each line says whose it is. */
export function createLog(
  level: LogLevel,
  instruments: Instruments,
  destination?: { write: (line: string) => void },
): Logger {
  const options = {
    level,
    redact: REDACTED,
    serializers: { err: writeError },
    ...(instruments.followsRequests && {
      mixin: () => {
        const { requestId, span } = instruments.cause ?? {};
        return { ...(requestId && { requestId }), ...(span && { traceId: span.traceparent.split('-')[1] }) };
      },
    }),
  };
  return destination ? pino(options, destination) : pino(options);
}
