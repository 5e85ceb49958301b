import { useEffect } from 'react';
import { Avatar } from '../components/avatar.tsx';
import { GiftArt } from '../components/gift-art.tsx';
import type { Banner, Celebration } from '../feed/effects.ts';
import { giftName } from '../feed/gift-name.ts';
import { newsOf } from '../feed/news.ts';
import { useLanguage } from '../i18n/language.tsx';

/** How long a banner stays after the last gift of its streak, and a celebration. */
const BANNER_MS = 4_000;
const CELEBRATION_MS = 2_600;
/** Pieces of confetti. Each has a place of its own in the style sheet. */
const CONFETTI = Array.from({ length: 18 }, (_, index) => index);

/** Gifts that slide in; the feed says the same to who cannot see them. */
export function Banners({ banners, onShown }: { banners: readonly Banner[]; onShown: (seq: number) => void }) {
  return (
    <div className="banners" aria-hidden="true">
      {banners.map((banner) => (
        <BannerView key={banner.key} banner={banner} onShown={onShown} />
      ))}
    </div>
  );
}

function BannerView({ banner, onShown }: { banner: Banner; onShown: (seq: number) => void }) {
  const { t, number } = useLanguage();
  const { seq, sender, gift, count } = banner;
  useShownFor(BANNER_MS, seq, onShown);
  return (
    <div className="banner">
      <Avatar name={sender.handle} size={38} />
      <div className="banner-words">
        <bdi>{sender.displayName}</bdi>
        <span>{t('feed.giftSent', { gift: giftName(t, gift.name) })}</span>
      </div>
      <GiftArt name={gift.name} size={46} />
      <strong className="banner-count" key={count}>
        ×{number(count)}
      </strong>
    </div>
  );
}

type CelebrationsProps = { celebrations: readonly Celebration[]; onShown: (seq: number) => void };

/** What fills the stage, one after another. */
export function Celebrations({ celebrations: [first], onShown }: CelebrationsProps) {
  return first ? <CelebrationView key={first.seq} celebration={first} onShown={onShown} /> : null;
}

function CelebrationView({ celebration, onShown }: { celebration: Celebration; onShown: (seq: number) => void }) {
  const language = useLanguage();
  const { seq, event } = celebration;
  useShownFor(CELEBRATION_MS, seq, onShown);
  const gift = event.__typename === 'GiftSent' ? event : undefined;
  return (
    <div className="celebration" aria-hidden="true">
      {CONFETTI.map((piece) => (
        <i key={piece} className={`confetti confetti-${piece}`} />
      ))}
      {gift && <GiftArt name={gift.gift.name} size={120} />}
      <strong dir="auto">
        {gift
          ? `${gift.sender.displayName} ${language.t('feed.giftSent', { gift: giftName(language.t, gift.gift.name) })}`
          : newsOf(event, language)}
      </strong>
    </div>
  );
}

function useShownFor(durationMs: number, seq: number, onShown: (seq: number) => void): void {
  useEffect(() => {
    const timer = setTimeout(() => onShown(seq), durationMs);
    return () => clearTimeout(timer);
  }, [durationMs, seq, onShown]);
}
