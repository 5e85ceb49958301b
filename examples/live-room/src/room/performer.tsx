import { useEffect } from 'react';
import type { EventOf } from '../feed/types.ts';
import { useLanguage } from '../i18n/language.tsx';

/** A performance is shown for so long at the least, however short the rule says it is. */
const SHOWN_MS_MIN = 1_500;
/** Animations that the page can draw; any other name is one of these, too. */
const DRAWN = new Set(['ice_cream', 'nod', 'hearts', 'lasso']);

type Performing = EventOf<'ReactionPerformed'>;
type Props = { name: string; performing: Performing | undefined; waiting: number; onShown: (seq: number) => void };

/** The creator, who performs what gifts have earned. */
export function Performer({ name, performing, waiting, onShown }: Props) {
  const { t } = useLanguage();
  useEffect(() => {
    if (!performing) return;
    const timer = setTimeout(() => onShown(performing.seq), Math.max(SHOWN_MS_MIN, performing.durationMs));
    return () => clearTimeout(timer);
  }, [performing, onShown]);
  const drawn = performing && (DRAWN.has(performing.animation ?? '') ? performing.animation : 'nod');
  return (
    <div className={performing ? `performer performer-${drawn}` : 'performer'}>
      {performing && (
        <div className="speech" key={performing.seq} data-performing={performing.reaction}>
          <strong dir="auto">{performing.reaction}</strong>
          <span>{t('room.performs', { name: performing.sender.displayName })}</span>
        </div>
      )}
      <div className="performer-rings" aria-hidden="true" />
      <div className="performer-face" aria-hidden="true">
        <svg viewBox="0 0 120 120" aria-hidden="true">
          <circle className="face-skin" cx="60" cy="60" r="52" />
          <ellipse className="face-eye" cx="42" cy="54" rx="6" ry="8" />
          <ellipse className="face-eye" cx="78" cy="54" rx="6" ry="8" />
          <circle className="face-cheek" cx="30" cy="74" r="8" />
          <circle className="face-cheek" cx="90" cy="74" r="8" />
          <path className="face-mouth" d="M44 76q16 16 32 0" />
        </svg>
        <span className="performer-name">{[...name][0]}</span>
      </div>
      {waiting > 0 && <span className="chip chip-glass performer-queue">{t('room.next', { count: waiting })}</span>}
    </div>
  );
}
