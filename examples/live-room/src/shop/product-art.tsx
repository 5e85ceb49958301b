import type { CSSProperties } from 'react';
import { hueOf } from '../components/avatar.tsx';
import { Icon, type IconName } from '../components/icon.tsx';
import type { ProductKind } from '../generated/graphql.ts';

const ICONS: Record<ProductKind, IconName> = { PHYSICAL: 'bag', FOOD: 'flame', SERVICE: 'star', DIGITAL: 'gift' };

/** A picture for a product. Those of merchants lie elsewhere, and this page loads nothing from elsewhere. */
export function ProductArt({ kind, title, size = 76 }: { kind: ProductKind; title: string; size?: number }) {
  const style = { '--hue': hueOf(title), '--size': `${size}px` } as CSSProperties;
  return (
    <span className="product-art" style={style} aria-hidden="true">
      <Icon name={ICONS[kind]} size={size * 0.45} />
    </span>
  );
}
