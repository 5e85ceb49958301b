import { type FormEvent, useState } from 'react';
import { useQuery } from 'urql';
import { newKey, perform } from '../api/perform.ts';
import { type Problem, problemText } from '../api/problem.ts';
import { Dialog } from '../components/dialog.tsx';
import { PaymentChoice, type PaymentToken } from '../components/payment-choice.tsx';
import { AddressesDocument, BuyNowDocument, type OrderFieldsFragment } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { type Address, AddressFields } from './address-fields.tsx';
import { OrderCard } from './order-card.tsx';
import { ProductArt } from './product-art.tsx';
import { needsAddress, type Sale } from './sale.ts';
import { TrustList } from './trust-list.tsx';

type Props = { streamId: string; sale: Sale; onClose: () => void };

/** Asks once, with everything that one should know before one pays, and then shows what becomes of the order. */
export function BuyDialog({ streamId, sale, onClose }: Props) {
  const { t } = useLanguage();
  const [order, setOrder] = useState<OrderFieldsFragment>();
  return (
    <Dialog title={t(order ? 'shop.thanks' : 'shop.confirm')} onClose={onClose}>
      {order ? <OrderCard order={order} /> : <BuyForm streamId={streamId} sale={sale} onBought={setOrder} />}
    </Dialog>
  );
}

type FormProps = { streamId: string; sale: Sale; onBought: (order: OrderFieldsFragment) => void };

function BuyForm({ streamId, sale, onBought }: FormProps) {
  const language = useLanguage();
  const { t, money, number } = language;
  const purchase = usePurchase(streamId, sale, onBought);
  const { wanted, want, price, problem, busy } = purchase;
  const [{ data }, again] = useQuery({ query: AddressesDocument, pause: !needsAddress(sale) });
  const addresses = (data?.me?.addresses ?? []).filter(({ removedAt }) => removedAt === null);
  const addressId = needsAddress(sale) ? (wanted.addressId ?? addresses[0]?.id) : undefined;
  const total = {
    ...price,
    minorUnits: price.minorUnits * wanted.quantity,
    amount: timesOf(price.amount, wanted.quantity),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void purchase.buy(addressId);
  };
  return (
    <form className="stack" onSubmit={submit}>
      <div className="product-top">
        <ProductArt kind={sale.kind} title={sale.title} />
        <div className="product-words">
          <strong dir="auto">{sale.title}</strong>
          <span className="dim" dir="auto">
            {sale.variant} · {sale.merchant.name}
          </span>
          <span className="product-price">
            <strong>{money(price)}</strong>
          </span>
        </div>
      </div>
      <div className="quantity">
        <span>{t('shop.quantity')}</span>
        <button
          type="button"
          className="button"
          aria-label={t('shop.less')}
          disabled={wanted.quantity <= 1}
          onClick={() => want({ quantity: wanted.quantity - 1 })}
        >
          −
        </button>
        <output>{number(wanted.quantity)}</output>
        <button
          type="button"
          className="button"
          aria-label={t('shop.more')}
          disabled={wanted.quantity >= sale.quantityMax}
          onClick={() => want({ quantity: wanted.quantity + 1 })}
        >
          +
        </button>
      </div>
      <TrustList trust={sale.trust} />
      {needsAddress(sale) && data && (
        <AddressFields
          addresses={addresses as Address[]}
          chosen={addressId}
          onChoose={(id) => want({ addressId: id })}
          onAdded={() => again({ requestPolicy: 'network-only' })}
        />
      )}
      <label className="check">
        <input
          type="checkbox"
          checked={wanted.showBuyer}
          onChange={({ target }) => want({ showBuyer: target.checked })}
        />
        {t('shop.showBuyer')}
      </label>
      <PaymentChoice chosen={wanted.paymentToken} onChoose={(paymentToken) => want({ paymentToken })} />
      <div role="alert">{problem && <p className="notice notice-bad">{problemText(problem, language)}</p>}</div>
      <button
        type="submit"
        className="button button-primary button-wide"
        data-action="pay"
        disabled={busy || isOver(problem) || (needsAddress(sale) && !addressId)}
      >
        {t(problem?.__typename === 'PriceChangedError' ? 'shop.payNew' : 'shop.pay', { price: money(total) })}
      </button>
    </form>
  );
}

/** Whether there is nothing left to buy: then another press would say the same. */
function isOver(problem: Problem | undefined): boolean {
  return (
    problem?.__typename === 'OfferEndedError' || (problem?.__typename === 'SoldOutError' && problem.remaining === 0)
  );
}

type Wanted = { quantity: number; addressId?: string | undefined; showBuyer: boolean; paymentToken: PaymentToken };

/** What is wanted, under one key for as long as it is the same: a repeat after a lost answer never pays twice. */
function usePurchase(streamId: string, sale: Sale, onBought: (order: OrderFieldsFragment) => void) {
  const [wanted, setWanted] = useState<Wanted>({ quantity: 1, showBuyer: true, paymentToken: 'tok_ok' });
  const [price, setPrice] = useState(sale.price);
  const [key, setKey] = useState(newKey);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  return {
    wanted,
    price,
    problem,
    busy,
    want: (changes: Partial<Wanted>) => {
      setWanted((before) => ({ ...before, ...changes }));
      setKey(newKey());
      setProblem(undefined);
    },
    buy: async (addressId: string | undefined) => {
      setBusy(true);
      const { quantity, showBuyer, paymentToken } = wanted;
      const terms = {
        quantity,
        showBuyer,
        paymentToken,
        addressId,
        streamId,
        expectedUnitPriceMinor: price.minorUnits,
      };
      const outcome = await perform(BuyNowDocument, { input: { ...sale.what, ...terms, idempotencyKey: key } });
      setBusy(false);
      if (outcome.ok) {
        onBought(outcome.value.order);
        return;
      }
      const failure = outcome.problem;
      setProblem(failure);
      // The same key says the same again; what was refused for good is asked anew under another one.
      if (failure.__typename !== 'NoAnswer' && failure.__typename !== 'PaymentPendingError') setKey(newKey());
      if (failure.__typename === 'PriceChangedError') setPrice(failure.currentUnitPrice);
    },
  };
}

/** An amount times a whole number, in decimal digits. */
function timesOf(amount: string, times: number): string {
  const digits = amount.split('.')[1]?.length ?? 0;
  return (Number(amount) * times).toFixed(digits);
}
