import { useState } from 'react';
import { useQuery } from 'urql';
import { Panel } from '../components/panel.tsx';
import { useAction } from '../components/use-action.ts';
import {
  AcceptBattleDocument,
  DeclineBattleDocument,
  InviteToBattleDocument,
  OpponentsDocument,
} from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';
import type { StudioStream } from './on-air.tsx';

/** Others who are live, at the most. */
const OPPONENTS_SHOWN = 20;
const MINUTES = [1, 2, 5, 10];

type Props = { stream: StudioStream; onChange: () => void };

/** Two creators, each other's guests. */
export function BattlePanel({ stream, onChange }: Props) {
  const { t, number } = useLanguage();
  const { battle } = stream;
  const isRunning = battle?.state === 'RUNNING';
  return (
    <Panel icon="swords" title={t('studio.battle')}>
      {battle && isRunning ? (
        <div className="duel">
          {battle.sides.map(({ streamId, creator, score }) => (
            <div key={streamId} className={streamId === stream.id ? 'duel-side duel-own' : 'duel-side'}>
              <bdi>{creator.displayName}</bdi>
              <strong>{number(score)}</strong>
            </div>
          ))}
          {battle.factor > 1 && (
            <span className="chip chip-gold">{t('studio.battleFactor', { factor: battle.factor })}</span>
          )}
        </div>
      ) : (
        <>
          <Invites stream={stream} onChange={onChange} />
          <Invite stream={stream} onChange={onChange} />
        </>
      )}
    </Panel>
  );
}

function Invites({ stream, onChange }: Props) {
  const { t } = useLanguage();
  const accept = useAction(AcceptBattleDocument, onChange);
  const decline = useAction(DeclineBattleDocument, onChange);
  if (stream.battleInvites.length === 0) return <p className="dim">{t('studio.battleNone')}</p>;
  return (
    <ul className="lines">
      {stream.battleInvites.map(({ id, sides }) => {
        const isOurs = sides[0]?.streamId === stream.id;
        const name = sides.find(({ streamId }) => streamId !== stream.id)?.creator.displayName ?? '';
        return (
          <li key={id} className="line line-loud">
            <span className="line-words">{t(isOurs ? 'studio.battleInvited' : 'studio.battleInvites', { name })}</span>
            {!isOurs && (
              <button
                type="button"
                className="button button-primary button-small"
                disabled={accept.busy}
                onClick={() => void accept.run({ input: { battleId: id } })}
              >
                {t('studio.battleAccept')}
              </button>
            )}
            <button
              type="button"
              className="button button-small"
              disabled={decline.busy}
              onClick={() => void decline.run({ input: { battleId: id } })}
            >
              {t(isOurs ? 'studio.battleTakeBack' : 'studio.battleDecline')}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function Invite({ stream, onChange }: Props) {
  const { t, number } = useLanguage();
  const [{ data }] = useQuery({
    query: OpponentsDocument,
    variables: { first: OPPONENTS_SHOWN },
    requestPolicy: 'network-only',
  });
  const others = (data?.liveStreams.edges ?? []).map(({ node }) => node).filter(({ id }) => id !== stream.id);
  const [chosen, setChosen] = useState('');
  const [minutes, setMinutes] = useState(MINUTES[1]!);
  const invite = useAction(InviteToBattleDocument, onChange);
  const opponentStreamId = chosen || others[0]?.id;
  if (!data) return null;
  if (opponentStreamId === undefined) return <p className="dim">{t('studio.battleNobody')}</p>;
  const input = { streamId: stream.id, opponentStreamId, durationSeconds: minutes * 60 };
  return (
    <div className="fields">
      <label className="field">
        {t('studio.battleOpponent')}
        <select className="input" value={opponentStreamId} onChange={({ target }) => setChosen(target.value)}>
          {others.map(({ id, creator }) => (
            <option key={id} value={id}>
              {creator.displayName}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        {t('studio.battleMinutes')}
        <select className="input" value={minutes} onChange={({ target }) => setMinutes(Number(target.value))}>
          {MINUTES.map((each) => (
            <option key={each} value={each}>
              {number(each)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        className="button field-button"
        disabled={invite.busy}
        onClick={() => void invite.run({ input })}
      >
        {t('studio.battleInvite')}
      </button>
    </div>
  );
}
