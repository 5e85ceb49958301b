import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { Failed, Loading, NotFound } from '../components/states.tsx';
import { Announcer } from '../feed/announcer.tsx';
import { Feed } from '../feed/feed.tsx';
import { type Mute, MuteContext, useModerates, useMuteIn } from '../feed/moderation.tsx';
import type { RoomSnapshot } from '../feed/types.ts';
import { type Room, useRoom } from '../feed/use-room.ts';
import { useLanguage } from '../i18n/language.tsx';
import { ProductCard } from '../shop/product-card.tsx';
import { Boxes } from './boxes.tsx';
import { ChatBox } from './chat-box.tsx';
import { GiftTray } from './gift-tray.tsx';
import { Reactions } from './reactions.tsx';
import { StageView } from './stage.tsx';
import { TopGifters } from './top-gifters.tsx';

/** One stream: what happens in it, and what one can do. */
export function RoomPage({ streamId }: { streamId: string }) {
  const { t } = useLanguage();
  const room = useRoom(streamId);
  useEffect(() => {
    document.body.classList.add('room-open');
    return () => document.body.classList.remove('room-open');
  }, []);
  switch (room.status) {
    case 'loading':
      return <Loading />;
    case 'missing':
      return <NotFound />;
    case 'failed':
      return <Failed onRetry={room.retry} />;
    case 'banned':
      return <p className="centred">{t('room.banned')}</p>;
    case 'ready':
      return <OpenRoom streamId={streamId} opened={room} />;
  }
}

function OpenRoom({ streamId, opened }: { streamId: string; opened: Extract<Room, { status: 'ready' }> }) {
  const { state, room, onShown } = opened;
  const { stage } = state;
  const { creator } = room.liveStream!;
  const reactions = useMemo(
    () => new Map(creator.reactionRules.map(({ gift, phrase }) => [gift.id, phrase])),
    [creator.reactionRules],
  );
  const ended = stage.status === 'ENDED';
  return (
    <div className="room" data-seq={state.lastSeq}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll, and what scrolls must be within reach of the keyboard. */}
      <aside className="room-side" tabIndex={0}>
        <ProductCard streamId={streamId} offers={stage.offers} pinned={stage.pinned} />
        <Boxes boxes={stage.boxes} />
        <TopGifters gifters={stage.topGifters} />
        <Reactions rules={creator.reactionRules} gifts={room.gifts} />
      </aside>
      <StageView streamId={streamId} creator={creator} state={state} onShown={onShown} />
      <section className="room-talk">
        <Moderated creator={creator}>
          <Feed rows={state.rows} />
        </Moderated>
        <Announcer rows={state.rows} />
        {!ended && <ChatBox streamId={streamId} />}
      </section>
      <div className="room-gifts">
        <GiftTray streamId={streamId} gifts={room.gifts} reactions={reactions} closed={ended} />
      </div>
    </div>
  );
}

/** Lets those who moderate the stream mute from the rows in it, and says so when it is done. */
function Moderated({ creator, children }: { creator: RoomSnapshot['creator']; children: ReactNode }) {
  const { t, time } = useLanguage();
  const moderates = useModerates(creator);
  const mute = useMuteIn(creator.id);
  const [done, setDone] = useState<string>();
  const { handle, moderators } = creator;
  const value = useMemo((): Mute | undefined => {
    if (!moderates) return undefined;
    const spared = new Set([handle, ...moderators.map((one) => one.handle)]);
    return {
      run: async (person) => {
        const until = await mute(person);
        if (until) setDone(t('room.muted', { name: person.displayName, time: time(until) }));
      },
      spares: (person) => spared.has(person.handle),
    };
  }, [moderates, mute, handle, moderators, t, time]);
  return (
    <MuteContext value={value}>
      {children}
      {moderates && (
        <p role="status" className="dim">
          {done}
        </p>
      )}
    </MuteContext>
  );
}
