import { builder } from '../../../graphql/builder.ts';
import type { LedgerCheck, LedgerDifference, LedgerState, LedgerUnit } from './ledger-audit.repo.ts';
import { DIFFERENCES_MAX } from './ledger-audit.ts';

const CHECKS: Record<LedgerCheck, string> = {
  BALANCE: 'The balance is what came in less what went out.',
  SIGN: 'Only accounts of issuance, of clearing and of debts are below zero, and a debt is never above it.',
  TRANSFERS: 'The account counts as many transfers as there are.',
  HEAD: 'The account names its newest transfer.',
  HEAD_HASH: 'The account has the hash of its newest transfer.',
  UNIT: 'All transfers of the account are in its unit.',
  UNIT_TOTAL: 'All balances in a unit are 0 together: nothing comes from nowhere.',
};

const LedgerCheckEnum = builder.enumType('LedgerCheck', {
  description: 'A rule of the ledger.',
  values: Object.fromEntries(Object.entries(CHECKS).map(([check, description]) => [check, { description }])) as Record<
    LedgerCheck,
    { description: string }
  >,
});

const LedgerDifferenceType = builder.objectRef<LedgerDifference>('LedgerDifference').implement({
  description: 'Something that is stored otherwise than the transfers say.',
  fields: (t) => ({
    check: t.expose('check', { type: LedgerCheckEnum, description: 'Which rule is broken.' }),
    accountId: t.id({
      nullable: true,
      description: 'The number of the ledger account; null where it is about all of a unit.',
      resolve: ({ accountId }) => (accountId === null ? null : String(accountId)),
    }),
    account: t.exposeString('account', {
      description: 'Whose account, in which unit and of which kind: "VIEWER 7 COIN WALLET"; or the unit.',
    }),
    stored: t.exposeString('stored', { nullable: true, description: 'What is stored; null is nothing.' }),
    computed: t.exposeString('computed', { nullable: true, description: 'What the transfers say; null is nothing.' }),
  }),
});

const LedgerUnitType = builder.objectRef<LedgerUnit>('LedgerUnit').implement({
  description: 'All accounts in a unit.',
  fields: (t) => ({
    unit: t.exposeString('unit', { description: 'COIN, DIAMOND or an ISO 4217 currency.' }),
    accounts: t.expose('accounts', { type: 'SafeInt', description: 'How many accounts there are.' }),
    issued: t.expose('issued', {
      type: 'SafeInt',
      description: 'What accounts of issuance and clearing are below zero: all that there is of the unit.',
    }),
    total: t.expose('total', { type: 'SafeInt', description: 'All balances together. 0, or the books are wrong.' }),
  }),
});

const LedgerAuditType = builder.objectRef<LedgerState>('LedgerAudit').implement({
  description: 'The whole ledger, recomputed from its transfers, as it was at one moment.',
  fields: (t) => ({
    ok: t.boolean({ description: 'Whether everything agrees.', resolve: ({ differences }) => differences === 0n }),
    checkedAt: t.expose('checkedAt', { type: 'DateTime', description: 'When it was.' }),
    accounts: t.expose('accounts', { type: 'SafeInt', description: 'How many accounts were compared.' }),
    transfers: t.expose('transfers', { type: 'SafeInt', description: 'How many transfers there are.' }),
    units: t.expose('units', { type: [LedgerUnitType], description: 'What there is of each unit.' }),
    differenceCount: t.expose('differences', { type: 'SafeInt', description: 'How many differences there are.' }),
    differences: t.expose('found', {
      type: [LedgerDifferenceType],
      description: `The differences, by account; the first ${DIFFERENCES_MAX}.`,
    }),
  }),
});

builder.queryField('ledgerAudit', (t) =>
  t.field({
    type: LedgerAuditType,
    description:
      'For operators: recomputes every balance from the transfers, and names what differs. Reads the whole ledger; `npm run audit` also follows the chain of hashes through every transfer.',
    authScopes: { operator: true },
    resolve: (_root, _args, { services }) => services.wallets.audit.run(),
  }),
);
