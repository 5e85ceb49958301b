import { useEffect, useRef, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import type { Row } from './rows.ts';
import { spoken } from './spoken.ts';

/** How often a screen reader is told what is new: a feed that were read out row by row would never be silent. */
const ANNOUNCED_EVERY_MS = 5_000;

/** Reads out what happens, a little at a time, and nothing of what was there before. */
export function Announcer({ rows }: { rows: readonly Row[] }) {
  const language = useLanguage();
  const [text, setText] = useState('');
  const newest = useRef(rows);
  newest.current = rows;
  const saidSeq = useRef(newestSeq(rows));
  useEffect(() => {
    const timer = setInterval(() => {
      const next = spoken(newest.current, saidSeq.current, language);
      saidSeq.current = newestSeq(newest.current);
      if (next) setText(next);
    }, ANNOUNCED_EVERY_MS);
    return () => clearInterval(timer);
  }, [language]);
  return (
    <p className="hidden-text" role="status">
      {text}
    </p>
  );
}

function newestSeq(rows: readonly Row[]): number {
  return Math.max(0, ...rows.map(({ event }) => event.seq));
}
