import { useState } from 'react';
import { Avatar } from '../components/avatar.tsx';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import type { Row } from '../feed/rows.ts';
import type { Person } from '../feed/types.ts';
import { BanViewerDocument, MuteViewerDocument } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

/** People who have said something last. */
const PEOPLE_SHOWN = 6;
const MUTE_SECONDS = 300;

type Props = { rows: readonly Row[]; creatorId: string; ownHandle: string };

/** Who talks in the stream, and how to have them stop. */
export function PeoplePanel({ rows, creatorId, ownHandle }: Props) {
  const { t } = useLanguage();
  const [done, setDone] = useState<string>();
  const mute = useAction(MuteViewerDocument);
  const ban = useAction(BanViewerDocument);
  const said = lastWords(rows, ownHandle);
  const shut = async (person: Person, how: 'mute' | 'ban') => {
    const input = { creatorId, viewerId: person.id };
    const shut =
      how === 'ban' ? await ban.run({ input }) : await mute.run({ input: { ...input, seconds: MUTE_SECONDS } });
    if (shut) setDone(t(how === 'ban' ? 'studio.banned' : 'studio.muted', { name: person.displayName }));
  };
  const busy = mute.busy || ban.busy;
  return (
    <Panel icon="chat" title={t('studio.people')}>
      {said.length === 0 && <p className="dim">{t('studio.peopleEmpty')}</p>}
      <ul className="lines">
        {said.map(({ person, text }) => (
          <li key={person.id} className="line">
            <Avatar name={person.handle} size={28} />
            <span className="line-words">
              <strong>
                <bdi>{person.displayName}</bdi>
              </strong>
              <span className="dim" dir="auto">
                {text}
              </span>
            </span>
            <button
              type="button"
              className="button button-small"
              disabled={busy}
              onClick={() => void shut(person, 'mute')}
            >
              {t('studio.mute')}
            </button>
            <button
              type="button"
              className="button button-small"
              disabled={busy}
              onClick={() => void shut(person, 'ban')}
            >
              {t('studio.ban')}
            </button>
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
function lastWords(rows: readonly Row[], ownHandle: string): { person: Person; text: string }[] {
  const last = new Map<string, { person: Person; text: string }>();
  for (const { event } of rows.toReversed()) {
    if (event.__typename !== 'ChatMessage' || event.sender.handle === ownHandle || last.has(event.sender.id)) continue;
    last.set(event.sender.id, { person: event.sender, text: event.text });
    if (last.size === PEOPLE_SHOWN) break;
  }
  return [...last.values()];
}
