import { type MouseEvent, type ReactNode, useSyncExternalStore } from 'react';
import { createStore } from './api/store.ts';

/** The page's places. The server answers each with the page; `src/app/live-room.ts` has the same list. */
export type Route =
  | { name: 'streams' }
  | { name: 'room'; streamId: string }
  | { name: 'orders' }
  | { name: 'order'; orderId: string }
  | { name: 'wallet' }
  | { name: 'studio' }
  | { name: 'unknown' };

const path = createStore(location.pathname);
addEventListener('popstate', () => path.set(location.pathname));

/** Where the page is, in components. */
export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(path.subscribe, path.get));
}

/** Goes somewhere else in the page. */
export function go(to: string): void {
  history.pushState(null, '', to);
  path.set(location.pathname);
  scrollTo(0, 0);
}

/** Paths of the routes. */
export const paths = {
  streams: '/',
  room: (streamId: string) => `/streams/${encodeURIComponent(streamId)}`,
  orders: '/orders',
  order: (orderId: string) => `/orders/${encodeURIComponent(orderId)}`,
  wallet: '/wallet',
  studio: '/studio',
};

/** A link that stays in the page; with a modifier key it is the browser's. */
export function Link({
  to,
  ...rest
}: {
  to: string;
  className?: string;
  children: ReactNode;
  'aria-label'?: string;
  'aria-current'?: 'page' | undefined;
}) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return <a href={to} onClick={follow} {...rest} />;
}

function parseRoute(pathname: string): Route {
  const [first = '', second, ...rest] = pathname.split('/').slice(1).map(decodeURIComponent);
  if (rest.length > 0) return { name: 'unknown' };
  if (first === 'streams' && second) return { name: 'room', streamId: second };
  if (first === 'orders' && second) return { name: 'order', orderId: second };
  if (second) return { name: 'unknown' };
  const names: Record<string, Route> = {
    '': { name: 'streams' },
    orders: { name: 'orders' },
    wallet: { name: 'wallet' },
    studio: { name: 'studio' },
  };
  return names[first] ?? { name: 'unknown' };
}
