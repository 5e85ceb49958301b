import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import type { Problem } from '../api/problem.ts';
import { problemText } from '../api/problem.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Icon } from './icon.tsx';

type Problems = { show: (problem: Problem) => void; clear: () => void };

const ProblemsContext = createContext<Problems>({ show: () => undefined, clear: () => undefined });

/** Says what went wrong, in words, until it is read or something else goes wrong. */
export function ProblemsProvider({ children }: { children: ReactNode }) {
  const language = useLanguage();
  const [problem, setProblem] = useState<Problem>();
  const show = useCallback((next: Problem) => setProblem(next), []);
  const clear = useCallback(() => setProblem(undefined), []);
  const problems = useMemo(() => ({ show, clear }), [show, clear]);
  return (
    <ProblemsContext value={problems}>
      {children}
      <div role="alert" className="toast-place">
        {problem && (
          <div className="notice notice-bad toast">
            <span>{problemText(problem, language)}</span>
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
