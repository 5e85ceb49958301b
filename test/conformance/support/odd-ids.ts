/** Ids that name no row, in every way in which one can be wrong: neighbours of a real one, and what only looks like it. */
import { globalId, rowOf } from '../../integration/support/ids.ts';

const INT8_MAX = 2n ** 63n - 1n;
const encoded = (text: string) => Buffer.from(text).toString('base64');
/** The digits of a number in another script, by the code point of its zero. */
const digitsFrom = (zero: number, row: string) =>
  [...row].map((digit) => String.fromCodePoint(zero + Number(digit))).join('');

/** Spellings of a row's number that are not the one that the server gives. None of them may find the row. */
export function oddRows(row: string): [what: string, text: string][] {
  return [
    ['zero', '0'],
    ['negative zero', '-0'],
    ['negative', `-${row}`],
    ['with a plus', `+${row}`],
    ['2^63 - 1', `${INT8_MAX}`],
    ['2^63', `${INT8_MAX + 1n}`],
    ['2^64 more than the row', `${2n ** 64n + BigInt(row)}`],
    ['-2^63', `${-INT8_MAX - 1n}`],
    ['a whole float', `${row}.0`],
    ['a float', `${row}.5`],
    ['with an exponent', `${row}e0`],
    ['infinite', '1e400'],
    ['hexadecimal', `0x${BigInt(row).toString(16)}`],
    ['with a leading zero', `0${row}`],
    ['with underscores', `${row}_0`],
    ['in Arabic digits', digitsFrom(0x0660, row)],
    ['in full-width digits', digitsFrom(0xff10, row)],
    ['in mathematical digits', digitsFrom(0x1d7ce, row)],
    ['after a space', ` ${row}`],
    ['before a space', `${row} `],
    ['before a line break', `${row}\n`],
    ['before a NUL', `${row}\0`],
    ['before a joiner', `${row}\u200d`],
    ['with another row', `${row}:${row}`],
    ['with another row in a list', `${row},1`],
    ['with SQL', `${row}' OR '1'='1`],
    ['NaN', 'NaN'],
    ['null', 'null'],
    ['empty', ''],
    ['very long', '9'.repeat(10_000)],
    ['very long, of zeros', `${'0'.repeat(10_000)}${row}`],
  ];
}

/** Ids made from a real one that name nothing, and the real row under every other type's name. */
export function oddIds(id: string, typenames: readonly string[]): [what: string, id: string][] {
  const typename = typenameOf(id);
  const row = rowOf(id);
  const others = typenames.filter((other) => other !== typename);
  return [
    ...oddRows(row).map(([what, text]): [string, string] => [what, globalId(typename, text)]),
    ...others.map((other): [string, string] => [`as ${other}`, globalId(other, row)]),
    ['in lower case', globalId(typename.toLowerCase(), row)],
    ['in capitals', globalId(typename.toUpperCase(), row)],
    ['after a space', globalId(` ${typename}`, row)],
    ['of a type of JavaScript', globalId('__proto__', row)],
    ['of a member of JavaScript', globalId('constructor', row)],
    ['of the interface', globalId('Node', row)],
    ['of a root', globalId('Query', row)],
    ['of no type', globalId('', row)],
    ['not encoded', `${typename}:${row}`],
    ['encoded twice', encoded(id)],
    ['a number', row],
    ['cut off', id.slice(0, -5)],
    ['of bytes that are no text', Buffer.from([0xff, 0xfe, 0x3a, 0x31]).toString('base64')],
    ['of other characters', '%%%'],
    ['with half of a surrogate pair', '\ud800'],
    ['of white space', ' \n\t'],
    ['empty', ''],
    ['very long', 'QQ'.repeat(10_000)],
  ];
}

/** The type that an id names. */
export function typenameOf(id: string): string {
  return Buffer.from(id, 'base64').toString().split(':')[0]!;
}
