import { useState } from 'react';
import { useQuery } from 'urql';
import { Avatar } from '../components/avatar.tsx';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import { useMuteIn } from '../feed/moderation.tsx';
import type { Row } from '../feed/rows.ts';
import type { Person } from '../feed/types.ts';
import { AddModeratorDocument, BanViewerDocument, ModerationDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import { ModerationPanel } from './moderation-panel.tsx';

/** People who have said something last. */
const PEOPLE_SHOWN = 6;

type Props = { rows: readonly Row[]; streamId: string; creatorId: string; ownHandle: string };

/** Who talks in the stream, and the rules of talking there. */
export function People({ rows, streamId, creatorId, ownHandle }: Props) {
  const [{ data }, ask] = useQuery({
    query: ModerationDocument,
    variables: { streamId, creatorId },
    requestPolicy: 'network-only',
  });
  const reload = () => ask({ requestPolicy: 'network-only' });
  const moderators = data?.liveStream?.creator.moderators ?? [];
  return (
    <>
      <Talkers
        said={lastWords(rows, ownHandle)}
        moderators={new Set(moderators.map(({ id }) => id))}
        creatorId={creatorId}
        onChange={reload}
      />
      {data?.liveStream && (
        <ModerationPanel data={data} stream={data.liveStream} creatorId={creatorId} onChange={reload} />
      )}
    </>
  );
}

type Said = { person: Person; text: string };
type TalkersProps = {
  said: readonly Said[];
  moderators: ReadonlySet<string>;
  creatorId: string;
  onChange: () => void;
};

/** Who has said something last, and what can be done about them. */
function Talkers({ said, moderators, creatorId, onChange }: TalkersProps) {
  const { t, time } = useLanguage();
  const [done, setDone] = useState<string>();
  const mute = useMuteIn(creatorId);
  const ban = useAction(BanViewerDocument);
  const appoint = useAction(AddModeratorDocument);
  const tell = (text: string) => {
    setDone(text);
    onChange();
  };
  const actions = [
    {
      key: 'studio.mute',
      run: async (person: Person) => {
        const until = await mute(person);
        if (until) tell(t('room.muted', { name: person.displayName, time: time(until) }));
      },
    },
    {
      key: 'studio.ban',
      run: async (person: Person) => {
        if (await ban.run({ input: { creatorId, viewerId: person.id } }))
          tell(t('studio.banned', { name: person.displayName }));
      },
    },
    {
      key: 'studio.appoint',
      run: async (person: Person) => {
        if (await appoint.run({ input: { creatorId, viewerId: person.id } }))
          tell(t('studio.appointed', { name: person.displayName }));
      },
    },
  ] as const;
  return (
    <Panel icon="chat" title={t('studio.people')}>
      {said.length === 0 && <p className="dim">{t('studio.peopleEmpty')}</p>}
      <ul className="lines">
        {said.map(({ person, text }) => (
          <li key={person.id} className="line line-tall">
            <Avatar name={person.handle} size={28} />
            <span className="line-words">
              <strong>
                <bdi>{person.displayName}</bdi>
              </strong>
              <span className="dim" dir="auto">
                {text}
              </span>
            </span>
            {moderators.has(person.id) ? (
              <span className="chip chip-good">{t('studio.moderator')}</span>
            ) : (
              <span className="line-actions">
                {actions.map(({ key, run }) => (
                  <button
                    key={key}
                    type="button"
                    className="button button-small"
                    disabled={ban.busy || appoint.busy}
                    onClick={() => void run(person)}
                  >
                    {t(key)}
                  </button>
                ))}
              </span>
            )}
          </li>
        ))}
      </ul>
      <p role="status" className="dim">
        {done}
      </p>
    </Panel>
  );
}

/** The last line of each of those who spoke last, newest first. */
function lastWords(rows: readonly Row[], ownHandle: string): Said[] {
  const last = new Map<string, Said>();
  for (const { event } of rows.toReversed()) {
    if (event.__typename !== 'ChatMessage' || event.sender.handle === ownHandle || last.has(event.sender.id)) continue;
    last.set(event.sender.id, { person: event.sender, text: event.text });
    if (last.size === PEOPLE_SHOWN) break;
  }
  return [...last.values()];
}
