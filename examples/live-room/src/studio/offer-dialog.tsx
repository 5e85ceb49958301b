import { type FormEvent, useState } from 'react';
import { newKey } from '../api/perform.ts';
import { Dialog } from '../components/dialog.tsx';
import { useAction } from '../components/use-action.ts';
import { StartOfferDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { ShopProduct } from './shop-panel.tsx';

/** What is proposed: a fifth off, ten pieces, five minutes. */
const SHARE_OF_PRICE = 0.8;
const PIECES = 10;
const MINUTES = '5';
const MINUTES_MAX = 1_440;

type Props = { streamId: string; product: ShopProduct; onClose: () => void; onStarted: () => void };

/** Asks for how much, how many, how long and for whom. */
export function OfferDialog({ streamId, product, onClose, onStarted }: Props) {
  const { t, money } = useLanguage();
  const variants = product.variants.filter(({ available }) => available > 0);
  const [variantId, setVariantId] = useState(variants[0]?.id ?? '');
  const variant = variants.find(({ id }) => id === variantId);
  const price = variant?.price;
  // Currencies have two decimals, or none, or three: as the price itself is written.
  const decimals = price?.amount.split('.')[1]?.length ?? 0;
  const [draft, setDraft] = useState({
    price: ((Number(price?.amount) || 0) * SHARE_OF_PRICE).toFixed(decimals),
    quantity: String(Math.min(PIECES, variant?.available ?? 1)),
    minutes: MINUTES,
    limit: '1',
    key: newKey(),
  });
  const change = (fields: Partial<typeof draft>) => setDraft({ ...draft, ...fields, key: newKey() });
  const start = useAction(StartOfferDocument, onStarted);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void start.run({
      input: {
        streamId,
        variantId,
        unitPriceMinor: Math.round(Number(draft.price) * 10 ** decimals),
        quantity: Number(draft.quantity),
        durationSeconds: Number(draft.minutes) * 60,
        perBuyerLimit: Number(draft.limit),
        idempotencyKey: draft.key,
      },
    });
  };
  const field = (name: 'price' | 'quantity' | 'minutes' | 'limit', label: string, most?: number, step = '1') => (
    <label className="field">
      {label}
      <input
        className="input"
        type="number"
        required
        min={step}
        max={most}
        step={step}
        value={draft[name]}
        onChange={({ target }) => change({ [name]: target.value })}
      />
    </label>
  );
  return (
    <Dialog title={t('studio.offerFor', { title: product.title })} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        {variants.length > 1 && (
          <select className="input field-wide" value={variantId} onChange={({ target }) => setVariantId(target.value)}>
            {variants.map(({ id, title, price: usual }) => (
              <option key={id} value={id}>
                {title} · {money(usual)}
              </option>
            ))}
          </select>
        )}
        {field(
          'price',
          t('studio.offerPrice', { currency: price?.currency ?? '' }),
          undefined,
          String(10 ** -decimals),
        )}
        {field('quantity', t('studio.offerQuantity'), variant?.available)}
        {field('minutes', t('studio.offerMinutes'), MINUTES_MAX)}
        {field('limit', t('studio.offerLimit'), Number(draft.quantity) || 1)}
        <button
          type="submit"
          className="button button-primary button-wide field-wide"
          disabled={start.busy || !variant}
        >
          {t('studio.offerStart')}
        </button>
      </form>
    </Dialog>
  );
}
