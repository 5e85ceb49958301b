import { useState } from 'react';
import { perform } from '../api/perform.ts';
import { useSession } from '../api/session.ts';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import type { RoomSnapshot } from '../feed/types.ts';
import { FollowDocument, UnfollowDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Follows the creator, and no longer when it is pressed again. Doing either twice is doing it once. Nobody follows themselves. */
export function FollowButton({ creator }: { creator: RoomSnapshot['creator'] }) {
  const { t } = useLanguage();
  const own = useSession()?.viewer.handle === creator.handle;
  const signedIn = useSignedIn();
  const problems = useProblems();
  const [followed, setFollowed] = useState(creator.isFollowed);
  const [busy, setBusy] = useState(false);
  const press = async () => {
    if (!signedIn()) return;
    setBusy(true);
    setFollowed(!followed);
    const input = { creatorId: creator.id };
    const outcome = await (followed ? perform(UnfollowDocument, { input }) : perform(FollowDocument, { input }));
    setBusy(false);
    if (outcome.ok) return;
    setFollowed(followed);
    problems.show(outcome.problem);
  };
  if (own) return null;
  return (
    <button
      type="button"
      className="button button-small"
      aria-pressed={followed}
      disabled={busy}
      onClick={() => void press()}
    >
      {t(followed ? 'room.following' : 'room.follow')}
    </button>
  );
}
