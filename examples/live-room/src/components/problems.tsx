import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import { type Problem, problemText } from '../api/problem.ts';
import { useLanguage } from '../i18n/language.tsx';
import { AgeDialog } from '../wallet/age-dialog.tsx';
import { useTopUp } from '../wallet/top-up.tsx';
import { Icon } from './icon.tsx';

type Problems = { show: (problem: Problem) => void; clear: () => void };

const ProblemsContext = createContext<Problems>({ show: () => undefined, clear: () => undefined });

/** Says what went wrong, in words, with what helps, until it is read or something else goes wrong. */
export function ProblemsProvider({ children }: { children: ReactNode }) {
  const language = useLanguage();
  const [problem, setProblem] = useState<Problem>();
  const clear = useCallback(() => setProblem(undefined), []);
  const problems = useMemo(() => ({ show: setProblem, clear }), [clear]);
  return (
    <ProblemsContext value={problems}>
      {children}
      <div role="alert" className="toast-place">
        {problem && (
          <div className="notice toast" data-problem={problem.__typename}>
            <span>{problemText(problem, language)}</span>
            <Help problem={problem} onDone={clear} />
            <button
              type="button"
              className="button button-quiet"
              aria-label={language.t('dialog.close')}
              onClick={clear}
            >
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
    </ProblemsContext>
  );
}

/** How to say what went wrong. */
export function useProblems(): Problems {
  return useContext(ProblemsContext);
}

/** The way out of a problem, where there is one. */
function Help({ problem, onDone }: { problem: Problem; onDone: () => void }) {
  const { t } = useLanguage();
  const topUp = useTopUp();
  const [asking, setAsking] = useState(false);
  if (problem.__typename === 'InsufficientCoinsError') {
    const help = () => {
      onDone();
      topUp();
    };
    return (
      <button type="button" className="button button-primary button-small" onClick={help}>
        {t('topUp.title')}
      </button>
    );
  }
  if (problem.__typename !== 'AgeRestrictedError' || problem.allowedFrom !== null) return null;
  return (
    <>
      <button type="button" className="button button-primary button-small" onClick={() => setAsking(true)}>
        {t('age.title')}
      </button>
      {asking && <AgeDialog onClose={onDone} />}
    </>
  );
}
