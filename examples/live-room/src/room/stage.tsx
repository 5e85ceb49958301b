import type { CSSProperties } from 'react';
import { useSubscription } from 'urql';
import { Avatar, moodOf } from '../components/avatar.tsx';
import { Icon } from '../components/icon.tsx';
import type { RoomState } from '../feed/room-state.ts';
import type { RoomSnapshot } from '../feed/types.ts';
import { PulseDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { BattleBar } from './battle-bar.tsx';
import { Banners, Celebrations } from './effects.tsx';
import { FollowButton } from './follow-button.tsx';
import { GoalBar, LevelBar } from './goals.tsx';
import { Likes } from './hearts.tsx';
import { Performer } from './performer.tsx';

type Props = { streamId: string; creator: RoomSnapshot['creator']; state: RoomState; onShown: (seq: number) => void };

/** Where the creator is, and everything that happens to them. */
export function StageView({ streamId, creator, state, onShown }: Props) {
  const { t, short } = useLanguage();
  const { stage, effects } = state;
  const [{ data }] = useSubscription({ query: PulseDocument, variables: { streamId } });
  const viewers = data?.streamPulse.viewers ?? 0;
  const ended = stage.status === 'ENDED';
  return (
    <section className="stage" style={{ '--hue': moodOf(creator.handle) } as CSSProperties} aria-label={stage.title}>
      <header className="stage-head">
        <Avatar name={creator.handle} size={40} />
        <div className="stage-who">
          <h1 dir="auto">{stage.title}</h1>
          <bdi dir="ltr">@{creator.handle}</bdi>
        </div>
        <FollowButton creator={creator} />
        <span className="chip chip-glass" data-viewers={viewers}>
          <Icon name="eye" size={14} />
          <span className="viewers-word">{t('room.viewers', { count: viewers })}</span>
          <span className="viewers-number" aria-hidden="true">
            {short(viewers)}
          </span>
        </span>
      </header>
      <div className="stage-bars">
        {stage.battle && <BattleBar battle={stage.battle} streamId={streamId} />}
        <GoalBar goals={stage.goals} />
        <LevelBar level={stage.level} />
      </div>
      <Performer
        name={creator.displayName}
        performing={effects.performing}
        waiting={stage.queue.length}
        onShown={onShown}
      />
      <Banners banners={effects.banners} onShown={onShown} />
      <Celebrations celebrations={effects.celebrations} onShown={onShown} />
      <Likes streamId={streamId} likes={data?.streamPulse.likes} closed={ended} />
      {ended && <p className="stage-ended">{t('room.ended')}</p>}
    </section>
  );
}
