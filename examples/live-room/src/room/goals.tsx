import { useCountdown } from '../api/clock.ts';
import { Icon } from '../components/icon.tsx';
import type { Goal, Level } from '../feed/types.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Meter } from './meter.tsx';

/** The creator's goal: the newest that is open, else the one that was just reached. */
export function GoalBar({ goals }: { goals: readonly Goal[] }) {
  const { number } = useLanguage();
  const goal = goals.find(({ state }) => state === 'OPEN') ?? goals.find(({ state }) => state === 'REACHED');
  if (!goal) return null;
  const value = Math.min(goal.progress, goal.target);
  return (
    <div className="bar" data-goal={goal.state}>
      <div className="bar-text">
        <Icon name={goal.state === 'REACHED' ? 'check' : 'target'} size={15} />
        <span dir="auto">{goal.title}</span>
        <span className="bar-numbers">
          {number(value)} / {number(goal.target)}
        </span>
      </div>
      <Meter value={value} max={goal.target} label={goal.title} />
    </div>
  );
}

/** How far the crowd has got, while it is on its way. */
export function LevelBar({ level }: { level: Level | null }) {
  const { t, clock } = useLanguage();
  const left = useCountdown(level?.expiresAt);
  if (!level || level.level === 0) return null;
  const label = t('level.title', { level: level.level });
  return (
    <div className="bar bar-level">
      <div className="bar-text">
        <Icon name="flame" size={15} />
        <span>{label}</span>
        <span className="bar-numbers">{clock(left)}</span>
      </div>
      <Meter value={level.progress} max={level.target ?? Math.max(1, level.progress)} label={label} />
    </div>
  );
}
