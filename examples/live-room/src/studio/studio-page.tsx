import { useQuery } from 'urql';
import { useSession } from '../api/session.ts';
import { SignedOut } from '../components/signed-out.tsx';
import { Failed, Loading } from '../components/states.tsx';
import { StudioDocument, type StudioQuery } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { EarningsPanel } from './earnings-panel.tsx';
import { GoLive } from './go-live.tsx';
import { OnAir } from './on-air.tsx';
import { RulesPanel } from './rules-panel.tsx';

/** What the studio knows of who is in it; null before the first stream. */
export type StudioCreator = NonNullable<StudioQuery['creator']>;
export type StudioGift = StudioQuery['gifts'][number];

/** Where one goes live, and sees what comes of it. */
export function StudioPage() {
  const { t } = useLanguage();
  const session = useSession();
  if (!session) return <SignedOut text={t('studio.signIn')} />;
  return <Studio handle={session.viewer.handle} />;
}

function Studio({ handle }: { handle: string }) {
  const { t } = useLanguage();
  const [{ data, error }, ask] = useQuery({
    query: StudioDocument,
    variables: { handle },
    requestPolicy: 'network-only',
  });
  const reload = () => ask({ requestPolicy: 'network-only' });
  if (!data) return error ? <Failed onRetry={reload} /> : <Loading />;
  const { creator, gifts, me } = data;
  const ownMerchants = new Set(me?.merchants.map(({ id }) => id));
  const stream = creator?.currentStream;
  return (
    <div className="page studio">
      <h1 className="page-title">{t('studio.title')}</h1>
      {creator && stream ? (
        <OnAir
          key={stream.id}
          creator={creator}
          stream={stream}
          gifts={gifts}
          ownMerchants={ownMerchants}
          onChange={reload}
        />
      ) : (
        <>
          <GoLive onLive={reload} />
          <div className="studio-columns">
            <RulesPanel rules={creator?.reactionRules ?? []} gifts={gifts} onChange={reload} />
            {creator && <EarningsPanel handle={handle} live={false} />}
          </div>
        </>
      )}
    </div>
  );
}
