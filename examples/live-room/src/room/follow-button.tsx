import { useState } from 'react';
import { perform } from '../api/perform.ts';
import { useProblems } from '../components/problems.tsx';
import { useSignedIn } from '../components/sign-in.tsx';
import type { RoomSnapshot } from '../feed/types.ts';
import { FollowDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** Follows the creator. Doing it twice is doing it once. */
export function FollowButton({ creator }: { creator: RoomSnapshot['creator'] }) {
  const { t } = useLanguage();
  const signedIn = useSignedIn();
  const problems = useProblems();
  const [followed, setFollowed] = useState(creator.isFollowed);
  const follow = async () => {
    if (!signedIn()) return;
    setFollowed(true);
    const outcome = await perform(FollowDocument, { input: { creatorId: creator.id } });
    if (outcome.ok) return;
    setFollowed(false);
    problems.show(outcome.problem);
  };
  return (
    <button type="button" className="button button-small" disabled={followed} onClick={() => void follow()}>
      {t(followed ? 'room.following' : 'room.follow')}
    </button>
  );
}
