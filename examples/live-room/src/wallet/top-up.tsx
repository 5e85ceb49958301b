import { createContext, type ReactNode, useCallback, useContext, useState } from 'react';
import { TopUpDialog } from './top-up-dialog.tsx';

const TopUpContext = createContext<() => void>(() => undefined);

/** Sells coins, wherever they run out. */
export function TopUpProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const show = useCallback(() => setOpen(true), []);
  return (
    <TopUpContext value={show}>
      {children}
      {open && <TopUpDialog onClose={() => setOpen(false)} />}
    </TopUpContext>
  );
}

/** Returns a function that opens the sheet with the coin packs. */
export function useTopUp(): () => void {
  return useContext(TopUpContext);
}
