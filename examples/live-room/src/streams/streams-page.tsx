import type { CSSProperties } from 'react';
import { useQuery, useSubscription } from 'urql';
import { Avatar, moodOf } from '../components/avatar.tsx';
import { Icon } from '../components/icon.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { PulseDocument, StreamsDocument, type StreamsQuery } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Link, paths } from '../routing.tsx';

/** Posters on the page at the most. */
const STREAMS_MAX = 24;

/** Who is live. */
export function StreamsPage() {
  const { t } = useLanguage();
  const [{ data, error }, again] = useQuery({ query: StreamsDocument, variables: { first: STREAMS_MAX } });
  const streams = data?.liveStreams.edges.map(({ node }) => node);
  return (
    <div className="page">
      <h1 className="page-title">{t('nav.streams')}</h1>
      <p className="page-lead">{t('app.tagline')}</p>
      {!streams && (error ? <Failed onRetry={again} /> : <Loading />)}
      {streams?.length === 0 && <p className="centred">{t('streams.empty')}</p>}
      <ul className="posters">
        {streams?.map((stream) => (
          <li key={stream.id}>
            <Poster stream={stream} />
          </li>
        ))}
      </ul>
    </div>
  );
}

type Stream = StreamsQuery['liveStreams']['edges'][number]['node'];

function Poster({ stream }: { stream: Stream }) {
  const { t } = useLanguage();
  const { id, title, creator, battle, goals, offers, topGifters, pinnedProduct } = stream;
  return (
    <Link to={paths.room(id)} className="poster">
      <span className="poster-art" style={{ '--hue': moodOf(creator.handle) } as CSSProperties}>
        <span className="poster-initial" aria-hidden="true">
          {[...creator.displayName][0]}
        </span>
        <span className="poster-top">
          <span className="chip chip-live">{t('streams.live')}</span>
          <Viewers streamId={id} />
        </span>
        <span className="poster-chips">
          {battle?.state === 'RUNNING' && <span className="chip">{t('streams.battle')}</span>}
          {offers.length > 0 && <span className="chip chip-gold">{t('streams.offer')}</span>}
          {goals.some(({ state }) => state === 'OPEN') && <span className="chip">{t('streams.goal')}</span>}
        </span>
      </span>
      <span className="poster-text">
        <Avatar name={creator.handle} />
        <span className="poster-words">
          <strong dir="auto">{title}</strong>
          <span className="dim">
            <bdi dir="ltr">@{creator.handle}</bdi>
            {pinnedProduct && <span dir="auto"> · {pinnedProduct.title}</span>}
          </span>
        </span>
        <span className="poster-fans">
          {topGifters.map(({ profile }) => (
            <Avatar key={profile.id} name={profile.handle} size={22} />
          ))}
        </span>
      </span>
    </Link>
  );
}

function Viewers({ streamId }: { streamId: string }) {
  const { short } = useLanguage();
  const [{ data }] = useSubscription({ query: PulseDocument, variables: { streamId } });
  if (!data) return null;
  return (
    <span className="chip chip-glass">
      <Icon name="eye" size={14} /> {short(data.streamPulse.viewers)}
    </span>
  );
}
