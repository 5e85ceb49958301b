import { useEffect, useRef, useState } from 'react';
import { useQuery, useSubscription } from 'urql';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { useAction } from '../components/use-action.ts';
import { useRoom } from '../feed/use-room.ts';
import {
  EndStreamDocument,
  PulseDocument,
  StudioStreamDocument,
  type StudioStreamQuery,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Link, paths } from '../routing.tsx';
import { BattlePanel } from './battle-panel.tsx';
import { EarningsPanel } from './earnings-panel.tsx';
import { GoalsPanel } from './goals-panel.tsx';
import { People } from './people-panel.tsx';
import { QueuePanel } from './queue-panel.tsx';
import { RulesPanel } from './rules-panel.tsx';
import { ShopPanel } from './shop-panel.tsx';
import type { StudioCreator, StudioGift } from './studio-page.tsx';

/** How often at the most the studio asks how its stream is: what happens in it says when. */
const ASK_INTERVAL_MS = 700;

/** What the studio shows of a stream. */
export type StudioStream = NonNullable<StudioStreamQuery['liveStream']>;

type Props = {
  creator: StudioCreator;
  stream: NonNullable<StudioCreator['currentStream']>;
  gifts: readonly StudioGift[];
  /** Whose products one may give another price. */
  ownMerchants: ReadonlySet<string>;
  onChange: () => void;
};

/** Everything that one does while one is live. */
export function OnAir({ creator, stream, gifts, ownMerchants, onChange }: Props) {
  const room = useRoom(stream.id);
  const [{ data, error }, ask] = useQuery({
    query: StudioStreamDocument,
    variables: { streamId: stream.id },
    requestPolicy: 'network-only',
  });
  const reload = () => ask({ requestPolicy: 'network-only' });
  const lastSeq = room.status === 'ready' ? room.state.lastSeq : 0;
  useAtMost(lastSeq, reload);
  const shown = data?.liveStream;
  if (!shown) return error ? <Failed onRetry={reload} /> : <Loading />;
  const rows = room.status === 'ready' ? room.state.rows : [];
  return (
    <>
      <Head creator={creator} stream={stream} onEnd={onChange} />
      <div className="studio-columns">
        <QueuePanel stream={shown} autoPerforms={creator.autoPerforms} onChange={reload} onAuto={onChange} />
        <ShopPanel stream={shown} creatorId={creator.id} ownMerchants={ownMerchants} onChange={reload} />
        <GoalsPanel stream={shown} gifts={gifts} onChange={reload} />
        <BattlePanel stream={shown} onChange={reload} />
        <People rows={rows} streamId={stream.id} creatorId={creator.id} ownHandle={creator.handle} />
        <RulesPanel rules={creator.reactionRules} gifts={gifts} onChange={onChange} />
        <EarningsPanel handle={creator.handle} live />
      </div>
    </>
  );
}

/** Calls back after a value has changed: at once, then once an interval. */
function useAtMost(value: number, callback: () => void): void {
  const latest = useRef(callback);
  latest.current = callback;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the change is what counts.
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, ASK_INTERVAL_MS);
  }, [value]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
}

function Head({ creator, stream, onEnd }: Pick<Props, 'creator' | 'stream'> & { onEnd: () => void }) {
  const { t, time, short } = useLanguage();
  const [{ data }] = useSubscription({ query: PulseDocument, variables: { streamId: stream.id } });
  const [asking, setAsking] = useState(false);
  const end = useAction(EndStreamDocument, onEnd);
  return (
    <div className="card on-air">
      <span className="chip chip-live">{t('studio.onAir')}</span>
      <div className="on-air-words">
        <h2 dir="auto">{stream.title}</h2>
        <p className="dim">
          @{creator.handle}
          {stream.startedAt && <> · {t('studio.since', { time: time(stream.startedAt) })}</>}
        </p>
      </div>
      {data && (
        <span className="on-air-pulse">
          <span className="chip">
            <Icon name="eye" size={14} /> {short(data.streamPulse.viewers)}
          </span>
          <span className="chip">
            <Icon name="heart" size={14} /> {short(data.streamPulse.likes)}
          </span>
        </span>
      )}
      <Link to={paths.room(stream.id)} className="button">
        {t('studio.openRoom')}
      </Link>
      <button type="button" className="button" onClick={() => setAsking(true)}>
        {t('studio.end')}
      </button>
      {asking && (
        <Dialog title={t('studio.endSure')} onClose={() => setAsking(false)}>
          <div className="row row-end">
            <button type="button" className="button" onClick={() => setAsking(false)}>
              {t('studio.keepOn')}
            </button>
            <button
              type="button"
              className="button button-primary"
              disabled={end.busy}
              onClick={() => void end.run({ input: { streamId: stream.id } })}
            >
              {t('studio.end')}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
