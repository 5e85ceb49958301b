import { useDeferredValue, useState } from 'react';
import { useQuery } from 'urql';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import {
  EndOfferDocument,
  PinProductDocument,
  StudioProductsDocument,
  type StudioProductsQuery,
  UnpinProductDocument,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { OfferDialog } from './offer-dialog.tsx';
import type { StudioStream } from './on-air.tsx';

/** Products shown at once; the search finds the others. */
const PRODUCTS_SHOWN = 6;

/** A product to pin or to offer. */
export type ShopProduct = StudioProductsQuery['products']['edges'][number]['node'];

type Props = {
  stream: StudioStream;
  creatorId: string;
  ownMerchants: ReadonlySet<string>;
  onChange: () => void;
};

/** What is sold in the stream. */
export function ShopPanel({ stream, creatorId, ownMerchants, onChange }: Props) {
  const { t } = useLanguage();
  const [search, setSearch] = useState('');
  const [offering, setOffering] = useState<ShopProduct>();
  const text = useDeferredValue(search.trim());
  const variables = {
    filter: text === '' ? { inStock: true } : { search: text, inStock: true },
    first: PRODUCTS_SHOWN,
  };
  const [own] = useQuery({
    query: StudioProductsDocument,
    variables: { filter: { ...variables.filter, creatorId }, first: PRODUCTS_SHOWN },
  });
  const [all] = useQuery({ query: StudioProductsDocument, variables });
  const products = merge(own.data, all.data);
  const unpin = useAction(UnpinProductDocument, onChange);
  const streamId = stream.id;
  return (
    <Panel icon="bag" title={t('studio.shop')}>
      <div className="line">
        <span className="line-words" dir="auto">
          {stream.pinnedProduct ? t('studio.pinned', { title: stream.pinnedProduct.title }) : t('studio.nothingPinned')}
        </span>
        {stream.pinnedProduct && (
          <button
            type="button"
            className="button button-small"
            disabled={unpin.busy}
            onClick={() => void unpin.run({ input: { streamId } })}
          >
            {t('studio.unpin')}
          </button>
        )}
      </div>
      <Offers stream={stream} onChange={onChange} />
      <input
        className="input"
        type="search"
        dir="auto"
        aria-label={t('studio.search')}
        placeholder={t('studio.search')}
        value={search}
        onChange={({ target }) => setSearch(target.value)}
      />
      {products.length === 0 && all.data && <p className="dim">{t('studio.noProducts')}</p>}
      <ul className="lines">
        {products.map((product) => (
          <ProductLine
            key={product.id}
            product={product}
            streamId={streamId}
            isPinned={stream.pinnedProduct?.id === product.id}
            onChange={onChange}
            onOffer={ownMerchants.has(product.merchant.id) ? () => setOffering(product) : undefined}
          />
        ))}
      </ul>
      {offering && (
        <OfferDialog
          streamId={streamId}
          product={offering}
          onClose={() => setOffering(undefined)}
          onStarted={() => {
            setOffering(undefined);
            onChange();
          }}
        />
      )}
    </Panel>
  );
}

/** One's own first, then everybody's. */
function merge(own: StudioProductsQuery | undefined, all: StudioProductsQuery | undefined): ShopProduct[] {
  const found = new Map<string, ShopProduct>();
  for (const { node } of [...(own?.products.edges ?? []), ...(all?.products.edges ?? [])]) found.set(node.id, node);
  return [...found.values()].slice(0, PRODUCTS_SHOWN);
}

function Offers({ stream, onChange }: Pick<Props, 'stream' | 'onChange'>) {
  const { t, money, time } = useLanguage();
  const end = useAction(EndOfferDocument, onChange);
  return (
    <ul className="lines">
      {stream.offers.map(({ id, product, unitPrice, remaining, quantity, endsAt }) => (
        <li key={id} className="line line-loud" data-offer={id}>
          <span className="line-words">
            <strong dir="auto">{product.title}</strong>
            <span className="dim">
              {money(unitPrice)} · {t('studio.offerLeft', { remaining, quantity })} ·{' '}
              {t('studio.offerEnds', { time: time(endsAt) })}
            </span>
          </span>
          <button
            type="button"
            className="button button-small"
            disabled={end.busy}
            onClick={() => void end.run({ input: { offerId: id } })}
          >
            {t('studio.offerEnd')}
          </button>
        </li>
      ))}
    </ul>
  );
}

type LineProps = {
  product: ShopProduct;
  streamId: string;
  isPinned: boolean;
  onChange: () => void;
  /** Undefined: it is somebody else's price. */
  onOffer: (() => void) | undefined;
};

function ProductLine({ product, streamId, isPinned, onChange, onOffer }: LineProps) {
  const { t, money } = useLanguage();
  const pin = useAction(PinProductDocument, onChange);
  const [variant] = product.variants;
  const available = product.variants.reduce((sum, each) => sum + each.available, 0);
  return (
    <li className="line">
      <span className="line-words">
        <strong dir="auto">{product.title}</strong>
        <span className="dim" dir="auto">
          {variant && money(variant.price)} · {t('studio.inStock', { count: available })} · {product.merchant.name}
        </span>
      </span>
      <button
        type="button"
        className="button button-small"
        disabled={pin.busy || isPinned}
        onClick={() => void pin.run({ input: { streamId, productId: product.id } })}
      >
        {t('studio.pin')}
      </button>
      {onOffer && (
        <button type="button" className="button button-small" onClick={onOffer}>
          {t('studio.offer')}
        </button>
      )}
    </li>
  );
}
