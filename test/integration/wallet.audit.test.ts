/** The audit of the ledger: an honest one passes, and whatever somebody does to it behind the server's back is found. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { describe, expect, onTestFinished } from 'vitest';
import { type Actor, buyCoins, giftId, query, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { audited, auditedNow, computed, FORGE, inRolledBack, runAudit, UNGUARDED } from './support/audit.ts';
import { rowOf } from './support/ids.ts';
import { unguarded } from './support/ledger-rows.ts';
import { atOnce } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';

/** What the damages are done to: accounts, and a gift's transfer in the middle of both its accounts' chains. */
type Books = { wallet: number; gifts: number; middle: number; before: number; newest: number; viewer: Actor };

const test = base.extend('books', { scope: 'file' }, async ({ server, db }): Promise<Books> => {
  const [viewer, other, creator] = await Promise.all([signIn(server), signIn(server), signIn(server)]);
  const { id: streamId } = await startStream(creator);
  for (const who of [viewer, other]) succeed(await buyCoins(who, { coins: 350 }));
  const rose = await giftId(viewer.api, 'Rose');
  for (const [who, quantity] of [
    [viewer, 3],
    [other, 5],
    [viewer, 7],
    [other, 9],
    [viewer, 11],
  ] as const) {
    succeed(await sendGift(who, streamId, { giftId: rose, quantity }));
  }
  const { rows } = await db.pool.query(
    `SELECT id::int, debit_account_id::int AS wallet, credit_account_id::int AS gifts FROM transfer
      WHERE kind = 'GIFT_SPENT' AND debit_account_id = (SELECT wallet_id FROM viewer WHERE id = $1) ORDER BY id`,
    [rowOf(viewer.id)],
  );
  const [before, middle, newest] = rows;
  return { ...middle, middle: middle.id, before: before.id, newest: newest.id, viewer };
});

const AUDIT = `{ ledgerAudit { ok accounts transfers differenceCount checkedAt units { unit accounts issued total }
  differences { check accountId account stored computed } } }`;
type Ledger = {
  ledgerAudit: {
    ok: boolean;
    accounts: number;
    transfers: number;
    differenceCount: number;
    checkedAt: string;
    units: { unit: string; accounts: number; issued: number; total: number }[];
    differences: { check: string; accountId: string | null; account: string; stored: string; computed: string }[];
  };
};

test('an honest ledger passes both audits', async ({ server, db, books }) => {
  const operator = await signIn(server, 'operator');
  const { rows } = await db.pool.query(
    'SELECT (SELECT count(*)::int FROM transfer) AS transfers, (SELECT count(*)::int FROM ledger_account) AS accounts',
  );
  expect(await auditedNow(db.pool)).toMatchObject({ ...rows[0], differences: 0, lines: [] });
  const { ledgerAudit } = await query<Ledger>(operator.api, AUDIT);
  expect(ledgerAudit).toMatchObject({ ...rows[0], ok: true, differenceCount: 0, differences: [] });
  expect(ledgerAudit.units.map(({ unit }) => unit)).toEqual(expect.arrayContaining(['COIN', 'DIAMOND', 'USD']));
  for (const { issued, total } of ledgerAudit.units) {
    expect(total).toBe(0);
    expect(issued).toBeGreaterThanOrEqual(0);
  }
  expect(books.middle).toBeGreaterThan(books.before);
});

test('only operators see the audit', async ({ server, viewer }) => {
  for (const [api, code] of [
    [viewer.api, 'FORBIDDEN'],
    [server.http(), 'NOT_SIGNED_IN'],
  ] as const) {
    const { data, errors } = await api.request(AUDIT);
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code } }]);
  }
});

/** What is done, what the chain says of it (all of these, and nothing else unless it says so), and what the operators' query says. */
type Damage = [
  what: string,
  sql: (books: Books) => string,
  chain: (books: Books) => string[],
  query: (books: Books) => string[],
];

const changed = ({ middle, wallet, gifts }: Books) =>
  [wallet, gifts].map((account) => `transfer ${middle}, account ${account}: does not have the hash`);
const set = (what: string) => (books: Books) => `UPDATE transfer SET ${what} WHERE id = ${books.middle}`;
const setAccount = (what: string) => (books: Books) => `UPDATE ledger_account SET ${what} WHERE id = ${books.wallet}`;
const none = () => [];

const DAMAGES: Damage[] = [
  [
    'an amount is changed',
    set('amount = amount + 1'),
    (books) => [...changed(books), `account ${books.wallet}: (VIEWER`, `account ${books.gifts}: (CREATOR`],
    ({ wallet, gifts }) => [`BALANCE ${wallet}`, `BALANCE ${gifts}`],
  ],
  ['a kind is changed', set("kind = 'BOX_FUNDED'"), changed, none],
  ['a cause is changed', set('cause_id = cause_id + 1'), changed, none],
  ['a time is changed', set("created_at = created_at + interval '1 ms'"), changed, none],
  ['it is said to take something back', (books) => set(`reverses = ${books.before}`)(books), changed, none],
  [
    'its hash of the one before it is changed',
    set(`debit_hash = sha256('x')`),
    ({ before, wallet, ...books }) => [
      `transfer ${before}, account ${wallet}: does not have the hash`,
      ...changed({ before, wallet, ...books }),
    ],
    none,
  ],
  [
    'what it follows is changed',
    set('debit_prev = debit_prev - 1'),
    ({ middle, wallet }) => [`transfer ${middle}, account ${wallet}: follows transfer`],
    none,
  ],
  [
    'it is taken out',
    ({ middle }) => `DELETE FROM transfer WHERE id = ${middle}`,
    ({ wallet, gifts, newest, middle, before }) => [
      `transfer ${newest}, account ${wallet}: follows transfer ${middle} there; the one before it is transfer ${before}`,
      `account ${gifts}: follows transfer ${middle} there`,
      `account ${wallet}: (VIEWER`,
      `account ${gifts}: (CREATOR`,
    ],
    ({ wallet, gifts }) => [`BALANCE ${wallet}`, `BALANCE ${gifts}`, `TRANSFERS ${wallet}`, `TRANSFERS ${gifts}`],
  ],
  [
    'one is put in behind the newest',
    ({
      newest,
    }) => `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at, debit_prev, credit_prev, debit_hash, credit_hash)
      SELECT t.debit_account_id, t.credit_account_id, t.unit, 1, t.kind, t.cause_id, t.created_at, d.last_transfer_id, c.last_transfer_id, d.last_hash, c.last_hash
        FROM transfer t JOIN ledger_account d ON d.id = t.debit_account_id JOIN ledger_account c ON c.id = t.credit_account_id WHERE t.id = ${newest}`,
    ({ wallet, gifts }) => [wallet, gifts].map((account) => `account ${account}: (`),
    ({ wallet, gifts }) =>
      [wallet, gifts].flatMap((account) => [
        `BALANCE ${account}`,
        `TRANSFERS ${account}`,
        `HEAD ${account}`,
        `HEAD_HASH ${account}`,
      ]),
  ],
  [
    'one is put in in the middle',
    ({ middle }) => `UPDATE transfer SET id = -id WHERE id = ${middle} - 1;
      INSERT INTO transfer (id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at, debit_prev, credit_prev, debit_hash, credit_hash)
      SELECT id - 1, debit_account_id, credit_account_id, unit, 1, kind, cause_id, created_at, debit_prev, credit_prev, debit_hash, credit_hash
        FROM transfer WHERE id = ${middle}`,
    ({ middle, wallet, before }) => [
      `transfer ${middle}, account ${wallet}: follows transfer ${before} there; the one before it is transfer ${middle - 1}`,
    ],
    ({ wallet, gifts }) => [`BALANCE ${wallet}`, `BALANCE ${gifts}`],
  ],
  [
    'two rows are swapped',
    ({ before, middle }) => `UPDATE transfer SET id = -id WHERE id IN (${before}, ${middle});
      UPDATE transfer SET id = CASE id WHEN -${before} THEN ${middle} ELSE ${before} END WHERE id IN (-${before}, -${middle})`,
    ({ before, wallet }) => [`transfer ${before}, account ${wallet}: follows`],
    none,
  ],
  [
    'a balance is changed',
    setAccount('balance = balance + 5'),
    ({ wallet }) => [`account ${wallet}: (VIEWER`, 'all balances in COIN make 5 together'],
    ({ wallet }) => ['UNIT_TOTAL', `BALANCE ${wallet}`],
  ],
  [
    'balances are changed so that they come to 0 together',
    ({ wallet, gifts }) =>
      `UPDATE ledger_account SET balance = balance + CASE id WHEN ${wallet} THEN 5 ELSE -5 END WHERE id IN (${wallet}, ${gifts})`,
    ({ wallet, gifts }) => [`account ${wallet}: (VIEWER`, `account ${gifts}: (CREATOR`],
    ({ wallet, gifts }) => [`BALANCE ${wallet}`, `BALANCE ${gifts}`],
  ],
  [
    'the newest transfer of an account is said to be another',
    (books) => setAccount(`last_transfer_id = ${books.middle}`)(books),
    ({ wallet, middle, newest }) => [
      `account ${wallet}: (VIEWER`,
      `ends with transfer ${middle}; its newest is ${newest}`,
    ],
    ({ wallet }) => [`HEAD ${wallet}`],
  ],
  [
    'the hash of an account is changed',
    setAccount(`last_hash = sha256('x')`),
    ({ wallet, newest }) => [`transfer ${newest}, account ${wallet}: (VIEWER`],
    ({ wallet }) => [`HEAD_HASH ${wallet}`],
  ],
  [
    'an account counts wrong',
    setAccount('transfers = transfers + 1'),
    ({ wallet }) => [`account ${wallet}: (VIEWER`],
    ({ wallet }) => [`TRANSFERS ${wallet}`],
  ],
  [
    'an account is in another unit',
    setAccount(`unit = 'DIAMOND'`),
    ({ wallet }) => [
      `account ${wallet}: moves COIN in an account of DIAMOND`,
      'all balances in COIN',
      'all balances in DIAMOND',
    ],
    ({ wallet }) => ['UNIT_TOTAL', `UNIT ${wallet}`],
  ],
  [
    'an account is gone',
    ({ wallet }) => `DELETE FROM ledger_account WHERE id = ${wallet}`,
    ({ wallet }) => [`account ${wallet}: moves an account that is not there`],
    ({ wallet }) => [`BALANCE ${wallet}`, `HEAD ${wallet}`],
  ],
];

describe('tampering is found and named', () => {
  test.for(DAMAGES)('%s', async ([, sql, chain, ledger], { db, books }) => {
    await inRolledBack(db.pool, UNGUARDED, async (client) => {
      expect((await audited(client)).lines).toEqual([]);
      await client.query(sql(books));
      const { lines, differences } = await audited(client);
      expect(differences).toBe(lines.length);
      for (const line of chain(books)) expect(lines).toEqual(expect.arrayContaining([expect.stringContaining(line)]));
      const found = await computed(client);
      if (ledger(books).length === 0) expect(found).toEqual([]);
      else expect(found).toEqual(expect.arrayContaining(ledger(books)));
    });
  });

  test('one changed row is not named again in all that follows it', async ({ db, books }) => {
    await inRolledBack(db.pool, UNGUARDED, async (client) => {
      await client.query(set("kind = 'BOX_FUNDED'")(books));
      expect((await audited(client)).lines).toHaveLength(2);
    });
  });
});

describe('who may write every row can chain them anew', () => {
  test('then only what was written down elsewhere shows it', async ({ db, books }) => {
    await inRolledBack(db.pool, UNGUARDED, async (client) => {
      const { heads, digest } = await audited(client);
      await client.query(set('amount = amount + 1')(books));
      await client.query(FORGE);
      const forged = await audited(client);
      expect(forged.lines).toEqual([]);
      expect(await computed(client)).toEqual([]);
      expect(forged.digest).not.toBe(digest);
      const compared = await audited(client, heads);
      expect(compared.lines).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            new RegExp(`account ${books.wallet}: is transfer \\d+ of the account, and once had another hash`),
          ),
        ]),
      );
    });
  });

  test('so it is with a newest transfer that was taken out', async ({ db, books }) => {
    await inRolledBack(db.pool, UNGUARDED, async (client) => {
      const { heads } = await audited(client);
      await client.query(`DELETE FROM transfer WHERE id >= ${books.newest}`);
      await client.query(FORGE);
      expect((await audited(client)).lines).toEqual([]);
      const { lines } = await audited(client, heads);
      expect(lines).toEqual(
        expect.arrayContaining([expect.stringMatching(`account ${books.wallet}: had \\d+ transfers once`)]),
      );
    });
  });

  test('what was written down holds for an honest ledger that has grown since', async ({ db, books, live }) => {
    const { heads } = await auditedNow(db.pool);
    for (let n = 0; n < 3; n++) succeed(await sendGift(books.viewer, live.streamId));
    const now = await inRolledBack(db.pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ', (sql) => audited(sql, heads));
    expect(now.lines).toEqual([]);
    expect(now.heads.length).toBeGreaterThan(heads.length); // The new creator’s.
  });
});

/** 250 gifts, and as many audits of all that there is as fit in beside them. */
const SENDING_MS_MAX = 120_000;

test('audits pass while gifts are being sent', { timeout: SENDING_MS_MAX }, async ({ server, db, live }) => {
  const viewers = await atOnce(5, async () => {
    const viewer = await signIn(server);
    succeed(await buyCoins(viewer, { coins: 70 }));
    return viewer;
  });
  const operator = await signIn(server, 'operator');
  const rose = await giftId(operator.api, 'Rose');
  let isSending = true;
  const sending = atOnce(250, (index) => sendGift(viewers[index % 5]!, live.streamId, { giftId: rose })).finally(() => {
    isSending = false;
  });
  let audits = 0;
  do {
    const [chain, { ledgerAudit }] = await Promise.all([auditedNow(db.pool), query<Ledger>(operator.api, AUDIT)]);
    expect(chain.lines).toEqual([]);
    expect(ledgerAudit).toMatchObject({ ok: true, differences: [] });
    audits++;
  } while (isSending);
  for (const outcome of await sending) succeed(outcome);
  expect(audits).toBeGreaterThan(0);
});

/** Each run is a process that has to start first. */
const RUNS_MS_MAX = 120_000;

describe('npm run audit', { timeout: RUNS_MS_MAX }, () => {
  const folder = async () => {
    const path = await mkdtemp(join(tmpdir(), 'hadiya-audit-'));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return path;
  };

  test('says that all agrees, or what does not, by its exit code too; and compares with what it wrote down', async ({
    db,
    books,
  }) => {
    const file = join(await folder(), 'heads.csv');
    const first = await runAudit({ DATABASE_URL: db.url }, ['--heads', file]);
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ transfers of \d+ accounts in .*: all agrees\ndigest [0-9a-f]{64}\n$/),
    });
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    expect(first.stdout).toContain(`digest ${digest}\n`);
    const kept = await readFile(file, 'utf8');
    expect(await runAudit({ DATABASE_URL: db.url }, ['--heads', file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is there already'),
    });
    expect(await readFile(file, 'utf8')).toBe(kept);
    const again = await runAudit({ DATABASE_URL: db.url }, ['--since', file]);
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${kept.trim().split('\n').length} chains, digest ${digest}\n`),
    });

    const tamper = (sql: pg.PoolClient, by: number) =>
      sql.query('UPDATE ledger_account SET balance = balance + $2 WHERE id = $1', [books.wallet, by]);
    await unguarded(db.pool, (sql) => tamper(sql, 1));
    try {
      const found = await runAudit({ DATABASE_URL: db.url });
      expect(found.code).toBe(1);
      expect(found.stdout).toMatch(
        new RegExp(
          `account ${books.wallet}: \\(VIEWER \\d+ COIN WALLET\\) has a balance of \\d+; its transfers make \\d+`,
        ),
      );
      expect(found.stdout).toMatch(/: 2 differences\ndigest/);
    } finally {
      await unguarded(db.pool, (sql) => tamper(sql, -1));
    }
  });

  test('is one line for an operator’s mistake', async ({ db }) => {
    const file = join(await folder(), 'heads.csv');
    await writeFile(file, '1,2,not a hash\n');
    const url = { DATABASE_URL: db.url };
    for (const [env, args, problem] of [
      [url, ['--since', file], /heads\.csv:1 is no head of a chain/],
      [url, ['--since', '/nowhere/heads.csv'], /cannot be read \(ENOENT\)/],
      [url, ['--heads', '/nowhere/heads.csv'], /is in no directory/],
      [url, ['--quick'], /Unknown option/],
      [{ DATABASE_URL: db.url.replace(/\/[^/]+$/, '/postgres') }, [], /no ledger whose transfers are chained/],
    ] as const) {
      const { code, stderr } = await runAudit(env, args);
      expect(code).toBe(1);
      expect(stderr.split('\n')[0]).toMatch(problem);
      expect(stderr).not.toMatch(/ at .*\.ts:\d/);
    }
    expect(await runAudit(url, ['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage') });
  });
});
