import { useState } from 'react';
import { useQuery } from 'urql';
import { useCountdown } from '../api/clock.ts';
import { Icon } from '../components/icon.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import type { Offer, Pinned } from '../feed/types.ts';
import { StreamProductDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Meter } from '../room/meter.tsx';
import { BuyDialog } from './buy-dialog.tsx';
import { ProductArt } from './product-art.tsx';
import { type Sale, saleOfOffer, saleOfProduct } from './sale.ts';
import { TrustList } from './trust-list.tsx';

type Props = { streamId: string; offers: readonly Offer[]; pinned: Pinned | null };

/** What is for sale right now: the newest offer, else the product on show. */
export function ProductCard({ streamId, offers, pinned }: Props) {
  const offer = offers.findLast(({ endReason }) => endReason === undefined) ?? offers.at(-1);
  const sale = useSale(offer, pinned);
  const [buying, setBuying] = useState<Sale>();
  return (
    <>
      {sale && <SaleCard sale={sale} offer={offer} onBuy={() => setBuying(sale)} />}
      {buying && <BuyDialog streamId={streamId} sale={buying} onClose={() => setBuying(undefined)} />}
    </>
  );
}

/** An event names the product on show, and no more: the rest is asked for. */
function useSale(offer: Offer | undefined, pinned: Pinned | null): Sale | undefined {
  const [{ data }] = useQuery({
    query: StreamProductDocument,
    variables: { id: pinned?.id ?? '' },
    pause: offer !== undefined || pinned === null || pinned.variants !== undefined,
  });
  if (offer) return saleOfOffer(offer);
  const product = pinned?.variants ? pinned : data?.product?.id === pinned?.id ? data?.product : undefined;
  return product ? saleOfProduct(product) : undefined;
}

function SaleCard({ sale, offer, onBuy }: { sale: Sale; offer: Offer | undefined; onBuy: () => void }) {
  const { t, money } = useLanguage();
  const signedIn = useSignedIn();
  const left = useCountdown(offer?.endsAt);
  const over = offer !== undefined && (offer.endReason !== undefined || left === 0);
  const none = sale.available === 0;
  return (
    <section className="card product" data-product={sale.title} aria-label={t('shop.onShow')}>
      <div className="product-top">
        <ProductArt kind={sale.kind} title={sale.title} />
        <div className="product-words">
          <h2 dir="auto">{sale.title}</h2>
          <span className="dim" dir="auto">
            {sale.merchant.name}
          </span>
          <span className="product-price">
            <strong>{money(sale.price)}</strong>
            {sale.listPrice && <s>{money(sale.listPrice)}</s>}
          </span>
        </div>
      </div>
      {offer && !over && <OfferMeter offer={offer} left={left} />}
      <TrustList trust={sale.trust} />
      <button
        type="button"
        className="button button-primary button-wide"
        data-action="buy"
        disabled={over || none}
        onClick={() => signedIn() && onBuy()}
      >
        <Icon name="bag" />
        {over || none ? t(none ? 'feed.offerSoldOut' : 'feed.offerEnded') : t('shop.buy', { price: money(sale.price) })}
      </button>
    </section>
  );
}

function OfferMeter({ offer, left }: { offer: Offer; left: number }) {
  const { t, clock } = useLanguage();
  const label = t('feed.offerStock', { count: offer.remaining });
  return (
    <div className="bar bar-offer">
      <div className="bar-text">
        <span className="chip chip-gold" data-countdown={left}>
          <Icon name="clock" size={14} /> {clock(left)}
        </span>
        <span className="bar-numbers" data-remaining={offer.remaining}>
          {label}
        </span>
      </div>
      <Meter value={offer.remaining} max={offer.quantity} label={label} />
    </div>
  );
}
