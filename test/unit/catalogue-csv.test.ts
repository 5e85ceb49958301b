/** Catalogue files: which lines their rows are on, and everything that is wrong with them. */
import { describe, expect, test } from 'vitest';
import { type CsvRecord, checkEncoding, readCsv } from '../../src/domains/catalog/import/csv-records.ts';
import { COLUMNS_OPTIONAL, COLUMNS_REQUIRED, readHeader } from '../../src/domains/catalog/import/import-row.ts';

/** As files are read. */
const READ_BYTES = 64 * 1024;

/** A file that comes in reads of so many bytes. */
async function* reads(content: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function records(content: string | Uint8Array, size?: number): Promise<CsvRecord[]> {
  const found: CsvRecord[] = [];
  for await (const record of readCsv(reads(content, size))) found.push(record);
  return found;
}

/** The records before a failure, and the failure. */
async function failing(content: string): Promise<{ found: CsvRecord[]; error: { line: number; problem: string } }> {
  const found: CsvRecord[] = [];
  try {
    for await (const record of readCsv(reads(content, READ_BYTES))) found.push(record);
  } catch (error) {
    return { found, error: error as { line: number; problem: string } };
  }
  throw new Error('it did not fail');
}

describe('records', () => {
  const TEXT = 'a,b\n"one\ntwo","say ""hi"""\n\n \n3,عطر\n4,"x\n\ny"\n5,6';
  const EXPECTED = [
    { line: 1, fields: ['a', 'b'] },
    { line: 2, fields: ['one\ntwo', 'say "hi"'] },
    { line: 6, fields: ['3', 'عطر'] },
    { line: 7, fields: ['4', 'x\n\ny'] },
    { line: 10, fields: ['5', '6'] },
  ];

  test.each([
    ['Unix', TEXT],
    ['Windows', TEXT.replaceAll('\n', '\r\n')],
    ['old Macs', TEXT.replaceAll('\n', '\r')],
    ['Unix, with a byte order mark', `\uFEFF${TEXT}`],
    ['Unix, with one at the end', `${TEXT}\n`],
  ])('know their lines, with the line ends of %s, however the file is cut into reads', async (_, text) => {
    for (const size of [1, 2, 3, 7, 1_000]) expect(await records(text, size)).toEqual(EXPECTED);
  });

  test('an empty file has none', async () => {
    expect(await records('')).toEqual([]);
    expect(await records('\uFEFF\n\n  \n')).toEqual([]);
  });

  test.each([
    ['a quote that is never closed', 'a\n1\n2\n"three\n4\n5\n', 4, /never closed/],
    ['a quote inside of a field', 'a\n1\n2\nth"ree\n4\n', 4, /begin with one/],
    ['text behind a closing quote', 'a\n1\n2\n"th"ree\n4\n', 4, /follows a closing quote/],
    ['a row that does not end', `a\n1\n2\n"${'x\n'.repeat(600_000)}`, 4, /more than 1048576 bytes/],
  ])('%s ends the reading on its line, after what came before', async (_, text, line, problem) => {
    const { found, error } = await failing(text);
    expect(found.map(({ fields }) => fields[0])).toEqual(['a', '1', '2']);
    expect(error).toMatchObject({ line, problem: expect.stringMatching(problem) });
  });

  test.each([
    ['Latin-1', Buffer.from('a\ncaf\xe9\n', 'latin1')],
    ['UTF-16', Buffer.from('\uFEFFa\nb\n', 'utf16le')],
    ['a character cut off at the end', Buffer.from('a\nعطر').subarray(0, -1)],
  ])('%s is not UTF-8', async (_, bytes) => {
    await expect(checkEncoding(reads(bytes))).rejects.toThrow(/line \d: The file is not UTF-8/);
    await expect(records(bytes)).rejects.toThrow(/not UTF-8/);
  });

  test('what is UTF-8 passes, cut wherever', async () => {
    for (const size of [1, 2, 3]) await checkEncoding(reads('عطر 🎁 café', size));
  });
});

describe('the header', () => {
  const read = (header: string) => readHeader({ line: 1, fields: header.split(',') });

  test('may have the columns in any order and case', () => {
    expect(() => read(' SKU ,Price,currency,kind,TITLE,product_ref,stock,warehouse')).not.toThrow();
  });

  test('says everything that is wrong with it', () => {
    expect(() => read('sku,price,price,colour,')).toThrow(
      /^line 1: The header lacks "product_ref", "title", "kind", "currency"; has twice "price"; has unknown "colour", ""\. The columns are product_ref, title, /,
    );
  });
});

const HEADER = [...COLUMNS_REQUIRED, ...COLUMNS_OPTIONAL];
const GOOD: Record<string, string> = {
  product_ref: 'P-1',
  title: 'Oud candle',
  kind: 'physical',
  sku: 'S-1',
  price: '12.50',
  currency: 'USD',
};
const reader = readHeader({ line: 1, fields: HEADER });
const readRow = (columns: Record<string, string>) =>
  reader({ line: 9, fields: HEADER.map((name) => ({ ...GOOD, ...columns })[name] ?? '') });

describe('a row', () => {
  test('with the least that it needs', () => {
    expect(readRow({})).toEqual({
      row: {
        line: 9,
        ref: 'P-1',
        title: 'Oud candle',
        kind: 'PHYSICAL',
        description: '',
        mediaUrls: [],
        sku: 'S-1',
        variant: 'Standard',
        gtin: null,
        priceMinor: 1_250n,
        currency: 'USD',
        downloadUrl: null,
        stock: null,
      },
    });
  });

  test('with all that it may have', () => {
    const row = readRow({
      title: '  عطر  ',
      kind: 'DIGITAL',
      description: 'Two\nlines',
      variant: 'Large',
      gtin: '6291041500213',
      stock: '0',
      warehouse: 'Main',
      region: 'AE',
      promise_minutes: '60',
      media_urls: 'https://a.example/1.jpg|https://a.example/2.jpg https://a.example/3.jpg',
      download_url: 'https://a.example/file.zip',
    });
    expect(row).toMatchObject({
      row: {
        title: 'عطر',
        kind: 'DIGITAL',
        description: 'Two\nlines',
        variant: 'Large',
        gtin: '6291041500213',
        stock: { onHand: 0, warehouse: 'Main', place: { region: 'AE', promiseMinutes: 60 } },
        mediaUrls: ['https://a.example/1.jpg', 'https://a.example/2.jpg', 'https://a.example/3.jpg'],
        downloadUrl: 'https://a.example/file.zip',
      },
    });
  });
});

describe('a price', () => {
  test.each([
    ['0.01', 'USD', 1n],
    ['1', 'USD', 100n],
    ['1.5', 'USD', 150n],
    ['999999999.99', 'USD', 99_999_999_999n],
    ['0000012.50', 'USD', 1_250n],
    ['500', 'JPY', 500n],
    ['1.234', 'KWD', 1_234n],
    ['0.29', 'EUR', 29n],
    ['1.15', 'EUR', 115n],
  ])('price %s %s is %s minor units', (price, currency, priceMinor) => {
    expect(readRow({ price, currency })).toMatchObject({ row: { priceMinor, currency } });
  });

  test.each([
    ['-1', 'USD', 'without a sign'],
    ['+1', 'USD', 'without a sign'],
    ['1,000.00', 'USD', 'separators'],
    ['1e3', 'USD', 'decimal number'],
    ['$5', 'USD', 'decimal number'],
    ['', 'USD', 'decimal number'],
    ['.5', 'USD', 'decimal number'],
    ['NaN', 'USD', 'decimal number'],
    ['٥٠٠', 'USD', 'decimal number'],
    ['0', 'USD', 'above 0'],
    ['0.00', 'USD', 'above 0'],
    ['1.234', 'USD', 'Has 3 decimals; USD has 2'],
    ['1.000', 'USD', 'Has 3 decimals; USD has 2'],
    ['500.0', 'JPY', 'Has 1 decimals; JPY has 0'],
    ['1000000000.00', 'USD', '99999999999 minor units at the most'],
    ['99999999999999999999', 'JPY', '99999999999 minor units at the most'],
  ])('price %j %s is refused', (price, currency, reason) => {
    expect(readRow({ price, currency })).toEqual({
      refused: { line: 9, problems: [expect.stringContaining(`price: `)] },
    });
    expect(JSON.stringify(readRow({ price, currency }))).toContain(reason);
  });
});

describe('a row that is refused', () => {
  test('says everything that is wrong with it', () => {
    const refused = readRow({
      product_ref: '',
      title: 'x'.repeat(201),
      kind: 'DIGITALS',
      sku: 'a\0b',
      price: '-5',
      currency: 'usd',
      description: 'x'.repeat(5_001),
      variant: 'x'.repeat(101),
      gtin: '12-34',
      stock: '-1',
      region: 'XX',
      media_urls: 'ftp://a.example/1 javascript:alert(1)',
      download_url: 'nowhere',
    });
    const { line, problems } = (refused as { refused: { line: number; problems: string[] } }).refused;
    expect(line).toBe(9);
    expect([...new Set(problems.map((problem) => problem.split(':')[0]))].sort()).toEqual(
      [
        ...['product_ref', 'title', 'kind', 'sku', 'price', 'currency', 'description', 'variant', 'gtin', 'stock'],
        ...['region', 'media_urls', 'download_url', 'warehouse'],
      ].sort(),
    );
  });

  test.each([
    [{ kind: 'DIGITAL' }, 'download_url: '],
    [{ stock: '5' }, 'warehouse: '],
    [{ warehouse: 'Main' }, 'stock: '],
    [{ stock: '1', warehouse: 'Main', region: 'AE' }, 'region: '],
    [{ stock: '1.5', warehouse: 'Main' }, 'stock: '],
    [{ stock: '9999999999', warehouse: 'Main' }, 'stock: '],
    [{ stock: '1', warehouse: 'Main', region: 'AE', promise_minutes: '0' }, 'promise_minutes: '],
    [{ media_urls: 'https://a.example/1 '.repeat(11) }, 'media_urls: '],
  ])('%j is refused for it', (columns, problem) => {
    expect(readRow(columns as Record<string, string>)).toEqual({
      refused: { line: 9, problems: [expect.stringMatching(new RegExp(`^${problem}`))] },
    });
  });

  test('has as many columns as the header', () => {
    for (const count of [1, HEADER.length - 1, HEADER.length + 1]) {
      expect(reader({ line: 3, fields: Array.from({ length: count }, () => 'x') })).toEqual({
        refused: { line: 3, problems: [`The row has ${count} columns and the header ${HEADER.length}`] },
      });
    }
  });
});
