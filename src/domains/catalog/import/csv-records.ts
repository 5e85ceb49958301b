import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { CatalogueFileError } from './import.errors.ts';

/** Bytes of one record. A quote that is never closed makes the rest of the file one record: this ends it early. */
export const RECORD_BYTES_MAX = 1024 * 1024;

/** A record of a CSV file, and the line of the file that it begins on. */
export type CsvRecord = { line: number; fields: string[] };

/**
 * Reads a CSV file in UTF-8, with or without a byte order mark and with any line ends, record by record: no more of it is in memory
 * than one read and one record. Lines are those of the file, those inside of quotes and empty ones counted.
 * @throws {CatalogueFileError} when its quotes do not fit: the records before that have been yielded. Or when it is not UTF-8: see
 *   {@link checkEncoding}.
 */
export async function* readCsv(source: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord, void, undefined> {
  let pushed = 0;
  let failure: { afterRecords: number; code: string } | undefined;
  const parser = parse({
    raw: true,
    relax_column_count: true,
    record_delimiter: '\n',
    max_record_size: RECORD_BYTES_MAX,
    // An error would throw away the records before it that nobody has taken yet. What follows it is left out instead.
    skip_records_with_error: true,
    on_skip: (error) => {
      failure ??= { afterRecords: pushed, code: error?.code ?? 'UNKNOWN' };
      return undefined;
    },
    on_record: (record) => {
      pushed++;
      return failure ? null : record;
    },
  });
  // Behind a failure nothing is read, so there is no need to parse it.
  const untilFailure = async function* () {
    for await (const text of decode(source)) {
      if (failure) return;
      yield text;
    }
  };
  const text = Readable.from(untilFailure());
  text.once('error', (error) => parser.destroy(error));
  text.pipe(parser);
  let line = 1;
  try {
    for await (const { record, raw } of parser as AsyncIterable<{ record: string[]; raw: string }>) {
      const isBlank = record.length === 1 && record[0]!.trim() === '';
      if (!isBlank) yield { line, fields: record };
      line += raw.split('\n').length - 1;
    }
  } finally {
    text.destroy();
  }
  if (failure) throw new CatalogueFileError(problemOf(failure.code), line);
}

/**
 * Reads a file to its end and looks whether it is UTF-8, so that nothing of one that is not is imported.
 * @throws {CatalogueFileError} when it is not
 */
export async function checkEncoding(source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _text of decode(source)); // what is wrong is thrown
}

/** Text with "\n" at the ends of its lines. */
async function* decode(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let endedWithReturn = false;
  const normalise = (text: string): string => {
    // "\r\n" may fall apart between two reads.
    const whole = endedWithReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') endedWithReturn = text.endsWith('\r');
    const normal = whole.replace(/\r\n?/g, '\n');
    line += normal.split('\n').length - 1;
    return normal;
  };
  const decoded = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new CatalogueFileError('The file is not UTF-8 from about here on: save it as UTF-8', line);
    }
  };
  for await (const bytes of source) {
    const text = normalise(decoded(bytes));
    if (text !== '') yield text;
  }
  const rest = normalise(decoded());
  if (rest !== '') yield rest;
}

function problemOf(code: string): string {
  const problems: Record<string, string> = {
    CSV_QUOTE_NOT_CLOSED: 'A quote is opened in the row that begins here, and never closed',
    CSV_MAX_RECORD_SIZE: `The row that begins here has more than ${RECORD_BYTES_MAX} bytes: is a quote not closed?`,
    INVALID_OPENING_QUOTE:
      'A field has a quote in it and does not begin with one: write "" for a quote inside of quotes',
    CSV_INVALID_CLOSING_QUOTE: 'Text follows a closing quote: write "" for a quote inside of quotes',
  };
  return `${problems[code] ?? `The row that begins here cannot be read (${code})`}. Nothing is read from here on`;
}
