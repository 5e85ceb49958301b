import { useCallback, useEffect, useRef, useState } from 'react';
import { perform } from '../api/perform.ts';
import { Icon } from '../components/icon.tsx';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import { SendLikesDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Hearts in the air at the most, and how many of others' likes rise at once. */
const HEARTS_MAX = 16;
const OTHERS_AT_ONCE_MAX = 4;
/** Likes gather for so long, and go together. */
const SEND_AFTER_MS = 600;
const LIKES_PER_CALL_MAX = 50;

type Heart = { id: number; lane: number };

/** The button that likes, and the hearts that rise from it for everybody's likes. */
export function Likes({ streamId, likes, closed }: { streamId: string; likes: number | undefined; closed: boolean }) {
  const { t, short } = useLanguage();
  const [hearts, setHearts] = useState<readonly Heart[]>([]);
  const rise = useCallback((count: number) => {
    const fresh = Array.from({ length: count }, () => ({ id: Math.random(), lane: Math.floor(Math.random() * 5) }));
    setHearts((rising) => [...rising, ...fresh].slice(-HEARTS_MAX));
  }, []);
  const own = useLikes(streamId);
  const seen = useRef(likes);
  useEffect(() => {
    const more = (likes ?? 0) - (seen.current ?? likes ?? 0) - own.settle();
    seen.current = likes;
    if (more > 0) rise(Math.min(more, OTHERS_AT_ONCE_MAX));
  }, [likes, own, rise]);
  return (
    <div className="likes">
      <div className="hearts" aria-hidden="true">
        {hearts.map(({ id, lane }) => (
          <span
            key={id}
            className={`heart heart-${lane}`}
            onAnimationEnd={() => setHearts((rising) => rising.filter((heart) => heart.id !== id))}
          >
            <svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true">
              <path d="M12 20S4 15.200 4 9.400A4.400 4.400 0 0 1 12 7a4.400 4.400 0 0 1 8 2.400C20 15.200 12 20 12 20z" />
            </svg>
          </span>
        ))}
      </div>
      <button
        type="button"
        className="like-button"
        aria-label={t('room.like')}
        disabled={closed}
        onClick={() => own.like() && rise(1)}
      >
        <Icon name="heart" size={22} />
      </button>
      <span className="like-count">{likes === undefined ? '' : short(likes)}</span>
    </div>
  );
}

/** Gathers one's own likes and sends them together. */
function useLikes(streamId: string) {
  const signedIn = useSignedIn();
  const problems = useProblems();
  const waiting = useRef(0);
  const unsettled = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const show = problems.show;
  const [own] = useState(() => ({
    like: () => {
      if (!signedIn()) return false;
      waiting.current = Math.min(waiting.current + 1, LIKES_PER_CALL_MAX);
      timer.current ??= setTimeout(async () => {
        const count = waiting.current;
        waiting.current = 0;
        timer.current = undefined;
        unsettled.current += count;
        const outcome = await perform(SendLikesDocument, { input: { streamId, count } });
        if (!outcome.ok) show(outcome.problem);
      }, SEND_AFTER_MS);
      return true;
    },
    /** How many of one's own are in what the pulse says now: their hearts have risen already. */
    settle: () => {
      const count = unsettled.current;
      unsettled.current = 0;
      return count;
    },
  }));
  return own;
}
