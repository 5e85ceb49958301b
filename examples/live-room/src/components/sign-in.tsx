import { createContext, type ReactNode, useCallback, useContext, useState } from 'react';
import { currentSession } from '../api/session.ts';
import { SignInDialog } from './sign-in-dialog.tsx';

const AskContext = createContext<() => boolean>(() => true);

/** Asks who one is, wherever something needs to know. */
export function SignInProvider({ children }: { children: ReactNode }) {
  const [asking, setAsking] = useState(false);
  const ask = useCallback(() => {
    if (currentSession()) return true;
    setAsking(true);
    return false;
  }, []);
  return (
    <AskContext value={ask}>
      {children}
      {asking && <SignInDialog onClose={() => setAsking(false)} />}
    </AskContext>
  );
}

/** Returns a function that is true when somebody is signed in, and otherwise asks who it is. */
export function useSignedIn(): () => boolean {
  return useContext(AskContext);
}
