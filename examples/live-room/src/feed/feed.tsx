import { memo, useEffect, useRef } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { RowView } from './row-view.tsx';
import type { Row } from './rows.ts';

/** So near to its end a reader follows the feed; who has scrolled up is left in peace. */
const FOLLOW_PX = 80;

/** What happens, newest last. */
export const Feed = memo(function Feed({ rows }: { rows: readonly Row[] }) {
  const { t } = useLanguage();
  const list = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new rows are what it scrolls for.
  useEffect(() => {
    if (following.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [rows]);
  return (
    <div
      ref={list}
      className="feed"
      role="log"
      // The announcer reads out what is new, so that it can be followed.
      aria-live="off"
      aria-label={t('feed.label')}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be within reach of the keyboard.
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
      }}
    >
      <ol className="feed-rows">
        {rows.map((row) => (
          <RowView key={row.key} row={row} />
        ))}
      </ol>
    </div>
  );
});
