import { useEffect } from 'react';
import { Failed, Loading, NotFound } from '../components/states.tsx';
import { Feed } from '../feed/feed.tsx';
import { useRoom } from '../feed/use-room.ts';
import { useLanguage } from '../i18n/language.tsx';
import { ChatBox } from './chat-box.tsx';
import { GiftTray } from './gift-tray.tsx';

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
      return (
        <div className="room">
          <section className="room-talk">
            <Feed rows={room.state.rows} />
            <ChatBox streamId={streamId} />
            <GiftTray streamId={streamId} gifts={room.room.gifts} />
          </section>
        </div>
      );
  }
}
