import { type FormEvent, useEffect, useState } from 'react';
import { useQuery } from 'urql';
import { newKey } from '../api/perform.ts';
import { GiftArt } from '../components/gift-art.tsx';
import { Figure, Panel } from '../components/panel.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { useAction } from '../components/use-action.ts';
import { giftName } from '../feed/gift-name.ts';
import {
  EarningsDocument,
  type EarningsQuery,
  RequestPayoutDocument,
  SubmitIdentityDocument,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** While one is live, what one has earned is asked for so often. */
const ASK_INTERVAL_MS = 4_000;
/** The account of the sandbox that always works. */
const SANDBOX_ACCOUNT = 'acct_ok';

type Earnings = NonNullable<NonNullable<EarningsQuery['creator']>['earnings']>;

/** What gifts have become, and how to have it paid out. */
export function EarningsPanel({ handle, live }: { handle: string; live: boolean }) {
  const { t, number } = useLanguage();
  const [{ data, error }, ask] = useQuery({
    query: EarningsDocument,
    variables: { handle },
    requestPolicy: 'network-only',
  });
  const reload = () => ask({ requestPolicy: 'network-only' });
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => ask({ requestPolicy: 'network-only' }), ASK_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [live, ask]);
  const earnings = data?.creator?.earnings;
  if (!data || !earnings) {
    return (
      <Panel icon="coin" title={t('studio.earnings')}>
        {error ? <Failed onRetry={reload} /> : <Loading />}
      </Panel>
    );
  }
  return (
    <>
      <Panel icon="coin" title={t('studio.earnings')}>
        <dl className="figures">
          <Figure strong label={t('studio.pending')} value={number(earnings.pendingDiamonds)} />
          <Figure strong label={t('studio.available')} value={number(earnings.availableDiamonds)} />
          <Figure label={t('studio.held')} value={number(earnings.heldDiamonds)} />
          <Figure label={t('studio.paid')} value={number(earnings.paidDiamonds)} />
          <Figure label={t('studio.lifetime')} value={number(earnings.lifetimeDiamonds)} />
        </dl>
        <h3>{t('studio.from')}</h3>
        <Moves earnings={earnings} />
      </Panel>
      <Panel icon="bag" title={t('studio.payout')}>
        <Payout earnings={earnings} terms={data.payoutTerms} onChange={reload} />
      </Panel>
    </>
  );
}

function Moves({ earnings }: { earnings: Earnings }) {
  const { t, number, date } = useLanguage();
  const { edges } = earnings.history;
  if (edges.length === 0) return <p className="dim">{t('studio.noEarnings')}</p>;
  return (
    <ul className="lines">
      {edges.map(({ cursor, node: { diamonds, kind, occurredAt, gift } }) => (
        <li key={cursor} className="line">
          {gift && <GiftArt name={gift.gift.name} size={26} />}
          <span className="line-words">
            {gift ? (
              <bdi>
                {t('studio.fromGift', {
                  count: gift.quantity,
                  gift: giftName(t, gift.gift.name),
                  name: gift.sender.displayName,
                })}
              </bdi>
            ) : (
              t(kind === 'GIFT_UNEARNED' ? 'studio.taken' : 'studio.settled')
            )}
            <span className="dim">{date(occurredAt)}</span>
          </span>
          <strong dir="ltr">
            {diamonds > 0 ? '+' : '−'}
            {number(Math.abs(diamonds))}
          </strong>
        </li>
      ))}
    </ul>
  );
}

function Payout({
  earnings,
  terms,
  onChange,
}: {
  earnings: Earnings;
  terms: EarningsQuery['payoutTerms'];
  onChange: () => void;
}) {
  const { t, money, date } = useLanguage();
  const { payoutRate, rateCard, settlementHoldHours, minimum } = terms;
  return (
    <>
      <p className="dim">
        {t('studio.terms', {
          coins: rateCard.coins,
          diamonds: rateCard.diamonds,
          days: Math.round(settlementHoldHours / 24),
          rate: payoutRate.diamonds,
          money: money(payoutRate.amount),
        })}
      </p>
      {earnings.identity.status === 'VERIFIED' ? (
        <RequestPayout available={earnings.availableDiamonds} minimum={money(minimum)} onChange={onChange} />
      ) : (
        <Identity status={earnings.identity.status} onChange={onChange} />
      )}
      <ul className="lines">
        {earnings.payouts.edges.map(({ node: { id, state, amount, diamonds, requestedAt } }) => (
          <li key={id} className="line">
            <span className="line-words">
              <strong>{money(amount)}</strong>
              <span className="dim">
                {t('studio.diamonds', { count: diamonds })} · {date(requestedAt)}
              </span>
            </span>
            <span className={state === 'PAID' ? 'chip chip-good' : 'chip'}>{t(`studio.payout${state}`)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Identity({ status, onChange }: { status: Earnings['identity']['status']; onChange: () => void }) {
  const { t } = useLanguage();
  const submit = useAction(SubmitIdentityDocument, onChange);
  if (status === 'PENDING') return <p>{t('studio.identityPending')}</p>;
  return (
    <div className="stack">
      <p>{t('studio.identity')}</p>
      <button
        type="button"
        className="button"
        disabled={submit.busy}
        onClick={() => void submit.run({ input: { accountToken: SANDBOX_ACCOUNT } })}
      >
        {t('studio.identitySubmit')}
      </button>
    </div>
  );
}

function RequestPayout({ available, minimum, onChange }: { available: number; minimum: string; onChange: () => void }) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState({ diamonds: '', key: newKey() });
  const request = useAction(RequestPayoutDocument, onChange);
  const diamonds = Number(draft.diamonds || available);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const done = await request.run({ input: { diamonds, idempotencyKey: draft.key } });
    if (done) setDraft({ diamonds: '', key: newKey() });
  };
  return (
    <form className="fields" onSubmit={(event) => void submit(event)}>
      <label className="field">
        {t('studio.payoutAmount')}
        <input
          className="input"
          type="number"
          min={1}
          max={available}
          placeholder={String(available)}
          value={draft.diamonds}
          onChange={({ target }) => setDraft({ diamonds: target.value, key: newKey() })}
        />
      </label>
      <button type="submit" className="button button-primary field-button" disabled={request.busy || diamonds < 1}>
        {t('studio.payoutRequest')}
      </button>
      <p className="dim field-wide">
        {t('studio.payoutMinimum', { money: minimum })} {t('studio.payoutSandbox')}
      </p>
    </form>
  );
}
