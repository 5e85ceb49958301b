import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon.tsx';

/** A card of the studio, the wallet or an order, with its heading. */
export function Panel({
  icon,
  title,
  children,
  aside,
}: {
  icon: IconName;
  title: string;
  children: ReactNode;
  aside?: ReactNode;
}) {
  return (
    <section className="card panel" aria-label={title}>
      <header className="panel-head">
        <h2>
          <Icon name={icon} /> {title}
        </h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** A name and the number that belongs to it. */
export function Figure({ label, value, strong = false }: { label: string; value: string; strong?: boolean }) {
  return (
    <div className={strong ? 'figure figure-strong' : 'figure'}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
