import { useEffect, useState } from 'react';
import { useCountdown } from '../api/clock.ts';
import { Icon } from '../components/icon.tsx';
import type { Battle } from '../feed/types.ts';
import { useLanguage } from '../i18n/language.tsx';

/** How long the outcome stays. */
const OUTCOME_MS = 12_000;

/** Two streams against each other: this one's side comes first. */
export function BattleBar({ battle, streamId }: { battle: Battle; streamId: string }) {
  const { t, number, clock } = useLanguage();
  const left = useCountdown(battle.endsAt);
  const over = useOver(battle);
  const ours = battle.sides.find((side) => side.streamId === streamId);
  const theirs = battle.sides.find((side) => side.streamId !== streamId);
  if (!ours || !theirs || over) return null;
  const total = ours.score + theirs.score;
  const share = total === 0 ? 0.5 : Math.min(0.88, Math.max(0.12, ours.score / total));
  const names = { one: ours.creator.displayName, other: theirs.creator.displayName };
  return (
    <section className="battle" aria-label={t('feed.battleStarted', names)}>
      <div className="battle-names">
        <bdi>{names.one}</bdi>
        <span className="chip battle-clock">
          <Icon name="swords" size={14} />
          {battle.state === 'ENDED' ? outcomeOf(battle, t) : clock(left)}
          {battle.factor > 1 && <strong>×{number(battle.factor)}</strong>}
        </span>
        <bdi>{names.other}</bdi>
      </div>
      <div className="battle-bar">
        <span className="battle-part battle-ours" style={{ inlineSize: `${share * 100}%` }}>
          {number(ours.score)}
        </span>
        <span className="battle-part battle-theirs">{number(theirs.score)}</span>
      </div>
    </section>
  );
}

function outcomeOf(battle: Battle, t: ReturnType<typeof useLanguage>['t']): string {
  const winner = battle.sides.find(({ streamId }) => streamId === battle.winner?.streamId);
  return winner ? t('battle.won', { name: winner.creator.displayName }) : t('battle.draw');
}

/** Whether the battle ended long enough ago to make room. */
function useOver({ id, state }: Battle): boolean {
  const [over, setOver] = useState<string>();
  useEffect(() => {
    if (state !== 'ENDED') return;
    const timer = setTimeout(() => setOver(id), OUTCOME_MS);
    return () => clearTimeout(timer);
  }, [id, state]);
  return over === id;
}
